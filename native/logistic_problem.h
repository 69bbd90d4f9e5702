// What dense and sparse rows have in common: labels, weights, kept margins, and what a step asks for.
#pragma once

#include <optional>
#include <stdexcept>
#include <vector>

#include "bind.h"
#include "logistic.h"
#include "logistic_rows.h"
#include "memory.h"
#include "team.h"

namespace burly::logistic {

// What to sum, and where to put it. Totals are added to; a null pointer means not asked for.
// n_outputs is K; arrays of outputs are [K][d + 1], the intercept's last.
struct Request {
  const double* coef;
  const double* inverse;  // [d + 1]: 1 / unit
  double inverse_loss;
  double inverse_weight;
  const double* shift;    // [d], with hessian
  const double* scale;    // [d], with hessian
  const double* factors;  // [d + 1], with hessian: 1 / factor
  bool coupled;
  Limit limit;
  int keep;  // slot, or -1
  std::int64_t* loss;
  std::int64_t* gradient;
  std::int64_t* curvature;
  std::int64_t* margin;
  std::int64_t* hessian;
  std::int64_t* count;      // [n_classes]
  std::int64_t* weight;     // [n_classes]
  std::int64_t* nonfinite;
  std::int64_t* exceeded;
};

template <class T>
class Problem {
 public:
  int d = 0;
  Blocks blocks;
  int n_classes = 0;

  int outputs() const { return n_classes <= 2 ? 1 : n_classes; }
  bool weighted() const { return weighted_ || !class_weight_.empty(); }

  void add_rows(std::uint64_t ordinal, const double* weights, std::int64_t n) {
    blocks.add_shard(ordinal, n);
    weights_.push_back(weights);
    codes_.push_back(nullptr);
    shard_rows_.push_back(n);
    weighted_ = weighted_ || weights != nullptr;
  }
  void set_codes(int shard, const std::int32_t* codes) { codes_.at(shard) = codes; }
  void set_classes(int n, const double* class_weight) {
    n_classes = n;
    class_weight_.assign(class_weight, class_weight == nullptr ? nullptr : class_weight + n);
  }

  const std::int32_t* codes(const Span& s) const { return codes_[s.shard] + s.row; }
  const double* weights(const Span& s) const {
    return weights_[s.shard] == nullptr ? nullptr : weights_[s.shard] + s.row;
  }
  const double* class_weight() const { return class_weight_.empty() ? nullptr : class_weight_.data(); }
  void fill(const Span& s, RowData& rows) const { rows.set(codes(s), weights(s), class_weight(), s.n); }

  // The largest weight of a row.
  double weight_bound() const {
    double most = 0;
    for (std::size_t i = 0; i < shard_rows_.size(); ++i)
      for (std::int64_t row = 0; row < shard_rows_[i]; ++row) {
        double w = weights_[i] == nullptr ? 1.0 : weights_[i][row];
        if (!class_weight_.empty()) w *= class_weight_[codes_[i][row]];
        most = std::max(most, w);
      }
    return most;
  }

  // The margins of a block in a slot: [outputs][n].
  T* kept(int slot, const Span& s) { return slots_[slot].data() + s.first * outputs(); }
  void open_slot(int slot) {
    const std::size_t n = static_cast<std::size_t>(blocks.n()) * outputs();
    if (slots_[slot].size() != n) slots_[slot] = Buffer<T>(n);
  }
  void keep(int slot, const Span& s, const T* z) {
    T* to = kept(slot, s);
    for (int k = 0; k < outputs(); ++k) std::copy(z + k * kBlockRows, z + k * kBlockRows + s.n, to + k * s.n);
  }
  void recall(int slot, const Span& s, T* z) {
    const T* from = kept(slot, s);
    for (int k = 0; k < outputs(); ++k) std::copy(from + k * s.n, from + (k + 1) * s.n, z + k * kBlockRows);
    idle(s.n, z);
  }
  // Margins of the rows that pad a block.
  void idle(int n, T* z) const {
    for (int k = 0; k < outputs(); ++k)
      for (int i = n; i < padded_rows(n); ++i)
        z[k * kBlockRows + i] = outputs() == 1 || k == 1 ? static_cast<T>(kIdleMargin) : T{0};
  }

 private:
  bool weighted_ = false;
  std::vector<const double*> weights_;
  std::vector<const std::int32_t*> codes_;
  std::vector<std::int64_t> shard_rows_;
  std::vector<double> class_weight_;
  Buffer<T> slots_[2];
};

// Margins, residuals and curvatures of one block, and its sums by output. One a thread.
template <class T>
struct BlockWork {
  RowData rows;
  Ahead ahead;
  Lines<T> z, r, h, hz;  // [outputs][kBlockRows]
  Lines<float> p, u;
  Lines<double> e;
  std::vector<OutputSums> sums;
  std::int64_t nonfinite = 0, exceeded = 0;
  std::uint64_t loss = 0;
  std::vector<std::uint64_t> count, weight;

  void resize(int outputs, int n_classes) {
    const std::size_t n = static_cast<std::size_t>(outputs) * kBlockRows;
    for (auto* v : {&z, &r, &h, &hz}) v->resize(n);
    p.resize(n);
    u.resize(kBlockRows);
    e.resize(static_cast<std::size_t>(outputs) * kLanes<double>);
    sums.assign(outputs, OutputSums{});
    nonfinite = exceeded = 0;
    loss = 0;
    count.assign(n_classes, 0);
    weight.assign(n_classes, 0);
  }
};

// The labels of a block: rows and weight of each class.
template <class T>
void count_labels(const Problem<T>& problem, const Span& s, const Request& ask, BlockWork<T>& work) {
  const std::int32_t* codes = problem.codes(s);
  if (problem.n_classes <= 2) {
    std::int64_t ones = 0;
    for (int i = 0; i < s.n; ++i) ones += codes[i] == 1;
    if (problem.n_classes == 2) work.count[1] += ones;
    work.count[0] += s.n - ones;
  } else {
    for (int i = 0; i < s.n; ++i) ++work.count[codes[i]];
  }
  if (!problem.weighted()) return;
  for (int i = 0; i < s.n; ++i)
    work.weight[codes[i]] += to_units(work.rows.weight[i] * ask.inverse_weight, ask.limit, work.exceeded);
}

// Rows first to end of a block, whose margins are in work.z.
template <class T, bool Weighted, bool Curved>
void some_rows(int outputs, int first, int end, BlockWork<T>& work, BinaryLoss<Weighted>& binary, Eight& loss) {
  if (outputs == 1)
    binary_rows<T, Weighted, Curved>(first, end, work.rows, work.z.data(), work.r.data(), work.h.data(),
                                     work.hz.data(), binary, work.sums[0], work.ahead);
  else
    softmax_rows<T, Weighted, Curved>(first, end, outputs, work.rows, work.z.data(), work.r.data(), work.h.data(),
                                      work.hz.data(), work.p.data(), work.e.data(), loss, work.sums.data());
}

// The end of a block: its loss, intercepts and what is not finite.
template <class T>
void close_block(const Span& s, int d, int outputs, double loss, const Request& ask, BlockWork<T>& work,
                 std::uint64_t* totals_r, std::uint64_t* totals_h, std::uint64_t* totals_hz) {
  if (!std::isfinite(loss)) {
    for (int i = 0; i < s.n; ++i) {
      bool finite = true;
      for (int k = 0; k < outputs; ++k) finite = finite && std::isfinite(work.z[k * kBlockRows + i]);
      work.nonfinite += !finite;
    }
  }
  work.loss += to_units(loss * ask.inverse_loss, ask.limit, work.exceeded);
  for (int k = 0; k < outputs; ++k) {
    const std::int64_t at = static_cast<std::int64_t>(k) * (d + 1) + d;
    auto add = [&](std::uint64_t* totals, const Eight& sum) {
      if (totals != nullptr) totals[at] += to_units(sum.sum() * ask.inverse[d], ask.limit, work.exceeded);
    };
    add(totals_r, work.sums[k].residual);
    add(totals_h, work.sums[k].curvature);
    add(totals_hz, work.sums[k].margin);
    work.sums[k] = OutputSums{};
  }
}

// Adds what one thread counted to what was asked for; not called by two threads at once.
template <class T>
void report(const Problem<T>& problem, const Request& ask, const BlockWork<T>& work) {
  *ask.loss += static_cast<std::int64_t>(work.loss);
  *ask.nonfinite += work.nonfinite;
  *ask.exceeded += work.exceeded;
  for (int k = 0; k < problem.n_classes; ++k) {
    ask.count[k] += static_cast<std::int64_t>(work.count[k]);
    if (problem.weighted()) ask.weight[k] += static_cast<std::int64_t>(work.weight[k]);
  }
}

// What the margins in two slots say along the line between them; no X is read.
struct TrialRequest {
  int origin, target;
  const double* steps;  // [n]
  int n;
  double inverse_loss, inverse_slope;
  Limit limit;
  std::int64_t* loss;   // [n]
  std::int64_t* slope;  // [n]
  std::int64_t* exceeded;
};

template <class T>
void trial(Problem<T>& problem, Team& team, std::uint64_t threshold, const TrialRequest& ask);

}  // namespace burly::logistic

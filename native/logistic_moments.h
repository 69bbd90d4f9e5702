// Sums and bounds of the columns of dense rows, for scaling and for choosing units.
#pragma once

#include <mutex>

#include "logistic_problem.h"

namespace burly::logistic {

// Totals are added to.
struct MomentsRequest {
  const double* shift;            // [d]
  const double* inverse;          // [d]: 1 / unit of the sums
  const double* inverse_squares;  // [d]
  double inverse_weight;
  Limit limit;
  std::int64_t* sums;      // [d]
  std::int64_t* squares;   // [d]
  std::int64_t* nonzeros;  // [d]: sparse rows only
  std::int64_t* weight;
  std::int64_t* count;
  std::int64_t* exceeded;
};

// Sums over the rows of a block. IN: x[n * d], weights[n] or nullptr, shift[d]. IN OUT: sums[d], squares[d].
template <class T>
void block_moments(const T* x, const double* weights, const double* shift, int n, int d, double* sums,
                   double* squares) {
  for (int i = 0; i < n; ++i, x += d) {
    const double w = weights == nullptr ? 1.0 : weights[i];
    for (int j = 0; j < d; ++j) {
      const double v = static_cast<double>(x[j]) - shift[j];
      const double wv = w * v;
      sums[j] += wv;
      squares[j] = fma(wv, v, squares[j]);
    }
  }
}

inline double weight_sum(const double* weights, int n) {
  if (weights == nullptr) return n;
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += weights[i];
  return sum;
}

// block(span) gives the first value of a block.
template <class T, class F>
void dense_moments(Problem<T>& problem, Team& team, std::uint64_t threshold, const MomentsRequest& ask, F&& block) {
  const int d = problem.d;
  Cursor cursor(problem.blocks, threshold);
  std::mutex reporting;
  team.run([&](int) {
    std::vector<double> sums(d), squares(d);
    std::vector<std::uint64_t> total_sums(d, 0), total_squares(d, 0);
    std::uint64_t weight = 0;
    std::int64_t count = 0, exceeded = 0;
    for (const Span* s; (s = cursor.next()) != nullptr;) {
      std::fill(sums.begin(), sums.end(), 0.0);
      std::fill(squares.begin(), squares.end(), 0.0);
      block_moments(block(*s), problem.weights(*s), ask.shift, s->n, d, sums.data(), squares.data());
      add_block(sums.data(), ask.inverse, d, ask.limit, total_sums.data(), exceeded);
      add_block(squares.data(), ask.inverse_squares, d, ask.limit, total_squares.data(), exceeded);
      weight += to_units(weight_sum(problem.weights(*s), s->n) * ask.inverse_weight, ask.limit, exceeded);
      count += s->n;
    }
    std::lock_guard guard(reporting);
    for (int j = 0; j < d; ++j) {
      ask.sums[j] += static_cast<std::int64_t>(total_sums[j]);
      ask.squares[j] += static_cast<std::int64_t>(total_squares[j]);
    }
    *ask.weight += static_cast<std::int64_t>(weight);
    *ask.count += count;
    *ask.exceeded += exceeded;
  });
}

// The largest finite |x| of each column, and how many values are not finite. IN OUT: most[d], nonfinite[d].
template <class T, class F>
void dense_bounds(Problem<T>& problem, Team& team, std::uint64_t threshold, double* most, std::int64_t* nonfinite,
                  F&& block) {
  const int d = problem.d;
  Cursor cursor(problem.blocks, threshold);
  std::mutex reporting;
  team.run([&](int) {
    std::vector<T> own(d, T{0});
    std::vector<std::int64_t> bad(d, 0);
    for (const Span* s; (s = cursor.next()) != nullptr;) {
      const T* x = block(*s);
      for (int i = 0; i < s->n; ++i, x += d)
        for (int j = 0; j < d; ++j) {
          const T value = std::fabs(x[j]);
          const bool finite = value <= std::numeric_limits<T>::max();
          own[j] = finite && value > own[j] ? value : own[j];
          bad[j] += !finite;
        }
    }
    std::lock_guard guard(reporting);
    for (int j = 0; j < d; ++j) {
      most[j] = std::max(most[j], static_cast<double>(own[j]));
      nonfinite[j] += bad[j];
    }
  });
}

}  // namespace burly::logistic

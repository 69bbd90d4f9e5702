// Trial steps: losses and slopes from kept margins.
#include <mutex>

#include "logistic_problem.h"

namespace burly::logistic {
namespace {

template <bool Weighted>
void binary_trial(int end, const RowData& rows, const double* z, const double* along, double step, double& loss,
                  double& slope) {
  BinaryLoss<Weighted> sum;
  Eight change(0.0);
  for_rows(0, end, [&](int i, auto part) __attribute__((always_inline)) {
    const Vec<double> p = load<Vec<double>>(along + i), y = load<Vec<double>>(rows.y + i);
    const Vec<double> zi = fma(splat(step), p, load<Vec<double>>(z + i));
    const Vec<double> weight = Weighted ? load<Vec<double>>(rows.weight + i) : Vec<double>{};
    const BinaryRow row(zi, y);
    sum.add(part, row, weight);
    Vec<double> r = row.residual(zi, y);
    if constexpr (Weighted) r *= weight;
    change.part[part] = fma(r, p, change.part[part]);
  });
  loss = sum.value();
  slope = change.sum();
}

template <bool Weighted>
void softmax_trial(int end, int n_classes, const RowData& rows, const double* z, const double* along, double step,
                   double& loss, double& slope) {
  Eight sum(0.0), change(0.0);
  for_rows(0, end, [&](int i, auto part) __attribute__((always_inline)) {
    auto margin = [&](int k) __attribute__((always_inline)) {
      return fma(splat(step), load<Vec<double>>(along + k * kBlockRows + i),
                 load<Vec<double>>(z + k * kBlockRows + i));
    };
    const Vec<double> y = load<Vec<double>>(rows.y + i);
    Vec<double> most = margin(0), own = most, own_along = load<Vec<double>>(along + i);
    for (int k = 1; k < n_classes; ++k) {
      const Vec<double> zk = margin(k);
      const auto mine = y == splat(static_cast<double>(k));
      most = zk < most ? most : zk;
      own = mine ? zk : own;
      own_along = mine ? load<Vec<double>>(along + k * kBlockRows + i) : own_along;
    }
    Vec<double> total{}, mean{};
    for (int k = 0; k < n_classes; ++k) {
      const Vec<double> e = exp(margin(k) - most);
      total += e;
      mean = fma(e, load<Vec<double>>(along + k * kBlockRows + i), mean);
    }
    const Vec<double> weight = Weighted ? load<Vec<double>>(rows.weight + i) : splat(1.0);
    sum.part[part] = fma(weight, log(total) + (most - own), sum.part[part]);
    change.part[part] = fma(weight, mean / total - own_along, change.part[part]);
  });
  loss = sum.sum();
  slope = change.sum();
}

}  // namespace

template <class T>
void trial(Problem<T>& problem, Team& team, std::uint64_t threshold, const TrialRequest& ask) {
  const int outputs = problem.outputs();
  Cursor cursor(problem.blocks, threshold);
  std::mutex reporting;
  team.run([&](int) {
    RowData rows;
    Lines<T> from(static_cast<std::size_t>(outputs) * kBlockRows), to(from.size());
    Lines<double> z(from.size()), along(from.size());
    std::vector<std::uint64_t> loss(ask.n, 0), slope(ask.n, 0);
    std::int64_t exceeded = 0;
    for (const Span* s; (s = cursor.next()) != nullptr;) {
      problem.fill(*s, rows);
      problem.recall(ask.origin, *s, from.data());
      problem.recall(ask.target, *s, to.data());
      const int end = padded_rows(s->n);
      for (int k = 0; k < outputs; ++k)
        for (int i = k * kBlockRows; i < k * kBlockRows + end; ++i) {
          z[i] = from[i];
          along[i] = static_cast<double>(to[i]) - z[i];
        }
      for (int t = 0; t < ask.n; ++t) {
        double value = 0, change = 0;
        auto run = [&](auto weighted) {
          if (outputs == 1) binary_trial<weighted>(end, rows, z.data(), along.data(), ask.steps[t], value, change);
          else softmax_trial<weighted>(end, outputs, rows, z.data(), along.data(), ask.steps[t], value, change);
        };
        if (problem.weighted()) run(std::true_type{});
        else run(std::false_type{});
        loss[t] += to_units(value * ask.inverse_loss, ask.limit, exceeded);
        slope[t] += to_units(change * ask.inverse_slope, ask.limit, exceeded);
      }
    }
    std::lock_guard guard(reporting);
    for (int t = 0; t < ask.n; ++t) {
      ask.loss[t] += static_cast<std::int64_t>(loss[t]);
      ask.slope[t] += static_cast<std::int64_t>(slope[t]);
    }
    *ask.exceeded += exceeded;
  });
}

template void trial(Problem<float>&, Team&, std::uint64_t, const TrialRequest&);
template void trial(Problem<double>&, Team&, std::uint64_t, const TrialRequest&);

}  // namespace burly::logistic

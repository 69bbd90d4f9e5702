// Sums and bounds of the columns of sparse rows, exact non-zero by non-zero.
#pragma once

#include <limits>

#include "logistic_moments.h"
#include "logistic_sparse_rows.h"

namespace burly::logistic {

// Side by side what one value needs: its column is somewhere else than the last one's.
struct ColumnUnits {
  double inverse, inverse_squares;
};
struct ColumnSums {
  std::uint64_t sum, square;
  std::int64_t nonzeros, unused;
};

template <class T>
void sparse_moments(Problem<T>& problem, const SparseRows<T>& sparse, Team& team, std::uint64_t threshold,
                    const MomentsRequest& ask) {
  const int d = problem.d;
  std::vector<ColumnUnits> units(d);
  for (int j = 0; j < d; ++j) units[j] = {ask.inverse[j], ask.inverse_squares[j]};
  Cursor cursor(problem.blocks, threshold);
  std::mutex reporting;
  team.run([&](int) {
    std::vector<ColumnSums> sums(d, ColumnSums{});
    std::uint64_t total = 0;
    std::int64_t count = 0, exceeded = 0;
    while (const Span* s = cursor.next()) {
      const CsrShard<T>& from = sparse.shard(*s);
      const double* weights = problem.weights(*s);
      for (int i = 0; i < s->n; ++i) {
        const double weight = weights == nullptr ? 1.0 : weights[i];
        for (std::int64_t e = from.starts[s->row + i]; e < from.starts[s->row + i + 1]; ++e) {
          const std::int32_t j = from.columns[e];
          const double x = from.values[e];
          sums[j].sum += to_units(weight * x * units[j].inverse, ask.limit, exceeded);
          sums[j].square += to_units(weight * x * x * units[j].inverse_squares, ask.limit, exceeded);
          ++sums[j].nonzeros;
        }
      }
      total += to_units(weight_sum(weights, s->n) * ask.inverse_weight, ask.limit, exceeded);
      count += s->n;
    }
    std::lock_guard guard(reporting);
    for (int j = 0; j < d; ++j) {
      ask.sums[j] += static_cast<std::int64_t>(sums[j].sum);
      ask.squares[j] += static_cast<std::int64_t>(sums[j].square);
      ask.nonzeros[j] += sums[j].nonzeros;
    }
    *ask.weight += static_cast<std::int64_t>(total);
    *ask.count += count;
    *ask.exceeded += exceeded;
  });
}

// As dense_bounds.
template <class T>
void sparse_bounds(Problem<T>& problem, const SparseRows<T>& sparse, Team& team, std::uint64_t threshold, double* most,
                   std::int64_t* nonfinite) {
  const int d = problem.d;
  Cursor cursor(problem.blocks, threshold);
  std::mutex reporting;
  team.run([&](int) {
    std::vector<T> own(d, T{0});
    std::vector<std::int64_t> bad(d, 0);
    while (const Span* s = cursor.next()) {
      const CsrShard<T>& from = sparse.shard(*s);
      for (std::int64_t e = from.starts[s->row]; e < from.starts[s->row + s->n]; ++e) {
        const std::int32_t j = from.columns[e];
        const T value = std::fabs(from.values[e]);
        const bool finite = value <= std::numeric_limits<T>::max();
        if (finite && value > own[j]) own[j] = value;
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

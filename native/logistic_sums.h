// Sums over the rows of a block: c[i] x[i][j] for several c at once, while the rows are in L1.
//
// Four rows are summed first, in order, then added to the sum so far: a quarter of the latency of one chain.
#pragma once

#include <vector>

#include "logistic.h"
#include "logistic_rows.h"

namespace burly::logistic {

// Adds c_s[i] x[i][j] over n rows for Vectors vectors of columns from j on; of the last vector `left` columns, if Tail.
template <class T, int Sums, int Vectors, bool Tail = false>
inline void add_columns(const T* x, int n, std::int64_t d, const T* const* c, T* const* sums, int j, int left,
                              Ahead& ahead) {
  constexpr int lanes = kLanes<T>;
  constexpr int count = Sums * Vectors;
  auto value = [&](const T* row, int v) __attribute__((always_inline)) {
    return Tail && v == Vectors - 1 ? load_tail(row + v * lanes, left) : load<Vec<T>>(row + v * lanes);
  };
  Vec<T> acc[count];
  BURLY_UNROLL for (int q = 0; q < count; ++q) acc[q] = load<Vec<T>>(sums[q / Vectors] + j + q % Vectors * lanes);
  const T* row = x + j;
  int i = 0;
  for (; i + 4 <= n; i += 4, row += 4 * d) {
    Vec<T> four[count];
    ahead.fetch(Vectors * kVectorBytes / 64);
    BURLY_UNROLL for (int q = 0; q < count; ++q) four[q] = splat(c[q / Vectors][i]) * value(row, q % Vectors);
    BURLY_UNROLL for (int q = 0; q < count; ++q)
      four[q] = fma(splat(c[q / Vectors][i + 1]), value(row + d, q % Vectors), four[q]);
    BURLY_UNROLL for (int q = 0; q < count; ++q)
      four[q] = fma(splat(c[q / Vectors][i + 2]), value(row + 2 * d, q % Vectors), four[q]);
    BURLY_UNROLL for (int q = 0; q < count; ++q)
      four[q] = fma(splat(c[q / Vectors][i + 3]), value(row + 3 * d, q % Vectors), four[q]);
    BURLY_UNROLL for (int q = 0; q < count; ++q) acc[q] += four[q];
  }
  if (i < n) {
    Vec<T> rest[count];
    BURLY_UNROLL for (int q = 0; q < count; ++q) rest[q] = splat(c[q / Vectors][i]) * value(row, q % Vectors);
    while (++i < n) {
      row += d;
      BURLY_UNROLL for (int q = 0; q < count; ++q)
        rest[q] = fma(splat(c[q / Vectors][i]), value(row, q % Vectors), rest[q]);
    }
    BURLY_UNROLL for (int q = 0; q < count; ++q) acc[q] += rest[q];
  }
  BURLY_UNROLL for (int q = 0; q < count; ++q) store(sums[q / Vectors] + j + q % Vectors * lanes, acc[q]);
}

// The columns from j on, at most Most vectors of them: in one go, since rows that are read twice cost more.
template <class T, int Sums, int Most>
BURLY_INLINE void add_last(const T* x, int n, int d, const T* const* c, T* const* sums, int j, Ahead& ahead) {
  const int left = d - j - (Most - 1) * kLanes<T>;
  if (left == kLanes<T>) return add_columns<T, Sums, Most>(x, n, d, c, sums, j, 0, ahead);
  if (left > 0) return add_columns<T, Sums, Most, true>(x, n, d, c, sums, j, left, ahead);
  if constexpr (Most > 1) add_last<T, Sums, Most - 1>(x, n, d, c, sums, j, ahead);
}

// IN: x[n * d], c[Sums][n]. IN OUT: sums[Sums][padded(d)].
template <class T, int Sums>
void add_rows(const T* x, int n, int d, const T* const* c, T* const* sums, Ahead& ahead) {
  constexpr int lanes = kLanes<T>;
  constexpr int wide = kRegisters == 32 ? (Sums == 1 ? 8 : Sums <= 3 ? 4 : 2) : (Sums == 1 ? 4 : 2);
  int j = 0;
  for (; d - j > wide * lanes; j += wide * lanes) add_columns<T, Sums, wide>(x, n, d, c, sums, j, 0, ahead);
  add_last<T, Sums, wide>(x, n, d, c, sums, j, ahead);
}

// The same for any number of sums, from row `at` of c on.
template <class T>
void add_rows(const T* x, int n, int d, const std::vector<const T*>& c, int at, const std::vector<T*>& sums,
              Ahead& ahead) {
  std::size_t s = 0;
  const T* from[4];
  while (s < c.size()) {
    const std::size_t some = c.size() - s >= 4 && c.size() - s != 6 ? 4 : std::min<std::size_t>(c.size() - s, 3);
    for (std::size_t i = 0; i < some; ++i) from[i] = c[s + i] + at;
    T* const* to = sums.data() + s;
    if (some == 4) add_rows<T, 4>(x, n, d, from, to, ahead);
    else if (some == 3) add_rows<T, 3>(x, n, d, from, to, ahead);
    else if (some == 2) add_rows<T, 2>(x, n, d, from, to, ahead);
    else add_rows<T, 1>(x, n, d, from, to, ahead);
    s += some;
  }
}

// Rows of a sub-block: a sixth of a small L1, in whole groups. Shapes no bit.
template <class T>
int sub_rows(int d) {
  const int rows = (8 << 10) / (static_cast<int>(sizeof(T)) * std::max(d, 1));
  return std::clamp(rows / kRowGroup * kRowGroup, kRowGroup, kBlockRows);
}

}  // namespace burly::logistic

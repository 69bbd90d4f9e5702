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
BURLY_INLINE void add_columns(const T* x, int n, std::int64_t d, const T* const* c, T* const* sums, int j, int left,
                              Ahead& ahead) {
  constexpr int lanes = kLanes<T>;
  constexpr int count = Sums * Vectors;
  auto value = [&](const T* row, int v) __attribute__((always_inline)) {
    if constexpr (Tail) return load_tail(row + v * lanes, left);
    else return load<Vec<T>>(row + v * lanes);
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

// IN: x[n * d], c[Sums][n]. IN OUT: sums[Sums][padded(d)].
template <class T, int Sums>
void add_rows(const T* x, int n, int d, const T* const* c, T* const* sums, Ahead& ahead) {
  constexpr int lanes = kLanes<T>;
  constexpr int wide = kRegisters == 32 ? (Sums == 1 ? 8 : Sums <= 3 ? 4 : 2) : (Sums == 1 ? 4 : 2);
  int j = 0;
  for (; j + wide * lanes <= d; j += wide * lanes) add_columns<T, Sums, wide>(x, n, d, c, sums, j, 0, ahead);
  if constexpr (wide > 4)
    for (; j + 4 * lanes <= d; j += 4 * lanes) add_columns<T, Sums, 4>(x, n, d, c, sums, j, 0, ahead);
  if constexpr (wide > 2)
    for (; j + 2 * lanes <= d; j += 2 * lanes) add_columns<T, Sums, 2>(x, n, d, c, sums, j, 0, ahead);
  for (; j + lanes <= d; j += lanes) add_columns<T, Sums, 1>(x, n, d, c, sums, j, 0, ahead);
  if (j < d) add_columns<T, Sums, 1, true>(x, n, d, c, sums, j, d - j, ahead);
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

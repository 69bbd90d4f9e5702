// Tiles: 64 rows, transposed and shifted, so that lanes are rows.
//
// A tile is cut into subtiles of as many rows as the accumulators of one register tile hold. Inside a
// subtile feature f of row r is at [f * kSubRows + r]. Each (row, centre) value is one chain of fused
// multiply-adds over the features in their order, whatever the width.
#pragma once

#include <cstdint>

#include "simd.h"

namespace burly {

constexpr int kTileRows = 64;
// Vectors of rows, and centres, in one register tile: 6 x 4 or 6 x 2 accumulators.
constexpr int kRowVectors = kRegisters == 32 ? 4 : 2;
constexpr int kGroup = 6;
template <class T>
constexpr int kSubRows = kRowVectors * kLanes<T>;
template <class T>
constexpr int kSubtiles = kTileRows / kSubRows<T>;

template <class T>
BURLY_INLINE void transpose4(Pack<T, 4> a, Pack<T, 4> b, Pack<T, 4> c, Pack<T, 4> d, T* to, int stride) {
  if constexpr (sizeof(T) == 4) {
    const auto ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const auto ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const auto cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const auto cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store(to, __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5));
    store(to + stride, __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7));
    store(to + 2 * stride, __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5));
    store(to + 3 * stride, __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7));
  } else {
    const auto ab0 = __builtin_shufflevector(a, b, 0, 4, 2, 6);
    const auto ab1 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
    const auto cd0 = __builtin_shufflevector(c, d, 0, 4, 2, 6);
    const auto cd1 = __builtin_shufflevector(c, d, 1, 5, 3, 7);
    store(to, __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5));
    store(to + stride, __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5));
    store(to + 2 * stride, __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7));
    store(to + 3 * stride, __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7));
  }
}

// IN: 64 row pointers (repeat one where there are fewer rows), d, shift[d]. OUT: tile[64 * d].
template <class T>
inline void fill_tile(const T* const* rows, int d, const T* shift, T* tile) {
  using Four = Pack<T, 4>;
  constexpr int sub = kSubRows<T>;
  for (int r = 0; r < kTileRows; r += 4) {
    T* to = tile + static_cast<std::int64_t>(r / sub) * sub * d + r % sub;
    const T *x0 = rows[r], *x1 = rows[r + 1], *x2 = rows[r + 2], *x3 = rows[r + 3];
    auto four = [&](int f) __attribute__((always_inline)) {
      const Four s = load<Four>(shift + f);
      transpose4<T>(load<Four>(x0 + f) - s, load<Four>(x1 + f) - s, load<Four>(x2 + f) - s, load<Four>(x3 + f) - s,
                    to + static_cast<std::int64_t>(f) * sub, sub);
    };
    int f = 0;
    for (; f + 4 <= d; f += 4) four(f);
    if (f == d) continue;
    if (d >= 4) {
      four(d - 4);  // once more over some features, with the same values
      continue;
    }
    for (; f < d; ++f) {
      T* column = to + static_cast<std::int64_t>(f) * sub;
      column[0] = x0[f] - shift[f];
      column[1] = x1[f] - shift[f];
      column[2] = x2[f] - shift[f];
      column[3] = x3[f] - shift[f];
    }
  }
}

// Squared norms of the rows of one subtile. IN: subtile[kSubRows * d]. OUT: norms[kSubRows].
template <class T>
inline void row_norms(const T* subtile, int d, T* norms) {
  using V = Vec<T>;
  V sum[kRowVectors];
  BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) sum[r] = V{};
  for (int f = 0; f < d; ++f, subtile += kSubRows<T>) {
    BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) {
      const V x = load<V>(subtile + r * kLanes<T>);
      sum[r] = fma(x, x, sum[r]);
    }
  }
  BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) store(norms + r * kLanes<T>, sum[r]);
}

// The scores half[c] - x . c of Count centres, left in registers:
// scores[c * kRowVectors + r].
// IN: subtile[kSubRows * d]; packed[d * Count], feature by feature; half[Count].
template <class T, int Count>
BURLY_INLINE void score(const T* subtile, int d, const T* packed, const T* half,
                        Vec<T> (&scores)[Count * kRowVectors]) {
  using V = Vec<T>;
  // One flat loop: GCC 12 keeps the array in memory when two nested loops index it.
  constexpr int n = Count * kRowVectors;
  BURLY_UNROLL for (int i = 0; i < n; ++i) scores[i] = splat(half[i / kRowVectors]);
  for (int f = 0; f < d; ++f, subtile += kSubRows<T>, packed += Count) {
    BURLY_UNROLL for (int i = 0; i < n; ++i) {
      const V x = load<V>(subtile + (i % kRowVectors) * kLanes<T>);
      scores[i] = fnma(x, splat(packed[i / kRowVectors]), scores[i]);
    }
  }
}

}  // namespace burly

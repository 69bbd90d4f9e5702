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

// Features that a 16-byte piece of a row holds; as many rows at a time are turned into columns.
template <class T>
constexpr int kPiece = 16 / static_cast<int>(sizeof(T));

// Pieces of rows r, r + kPiece, r + 2 kPiece ... side by side. Masked: only n values of each are there.
template <bool Masked, class T>
BURLY_INLINE Vec<T> load_pieces(const T* const* rows, int f, int n) {
  Vec<T> v;
  unrolled<kVectorBytes / 16>([&](auto i) __attribute__((always_inline)) {
    const T* from = rows[i * kPiece<T>] + f;
    Pack<T, kPiece<T>> piece;
    if constexpr (Masked) piece = load_first(from, n);
    else piece = load<Pack<T, kPiece<T>>>(from);
    v = with_piece<i>(v, piece);
  });
  return v;
}

// kLanes rows of the features [f, f + kPiece), or of n of them, to columns that lie kSubRows apart.
template <bool Masked, class T>
BURLY_INLINE void turn_pieces(const T* const* rows, int f, int n, const T* shift, T* to) {
  using V = Vec<T>;
  constexpr int sub = kSubRows<T>;
  const auto column = [&](int j, V v) __attribute__((always_inline)) {
    if (Masked && j >= n) return;
    store(to + static_cast<std::int64_t>(j) * sub, v - splat(shift[f + j]));
  };
  if constexpr (sizeof(T) == 4) {
    const V a = load_pieces<Masked>(rows, f, n), b = load_pieces<Masked>(rows + 1, f, n);
    const V c = load_pieces<Masked>(rows + 2, f, n), d = load_pieces<Masked>(rows + 3, f, n);
    const V ab0 = pair_low<4>(a, b), ab2 = pair_high<4>(a, b);
    const V cd0 = pair_low<4>(c, d), cd2 = pair_high<4>(c, d);
    column(0, pair_low<8>(ab0, cd0));
    column(1, pair_high<8>(ab0, cd0));
    column(2, pair_low<8>(ab2, cd2));
    column(3, pair_high<8>(ab2, cd2));
  } else {
    const V a = load_pieces<Masked>(rows, f, n), b = load_pieces<Masked>(rows + 1, f, n);
    column(0, pair_low<8>(a, b));
    column(1, pair_high<8>(a, b));
  }
}

// The features [from, to) of a tile, of which the first becomes the first column.
// IN: 64 row pointers (repeat one where there are fewer rows), shift[d]. OUT: tile[64 * (to - from)].
template <class T>
inline void fill_tile(const T* const* rows, int from, int to, const T* shift, T* tile) {
  constexpr int sub = kSubRows<T>, piece = kPiece<T>;
  const int d = to - from;
  for (int r = 0; r < kTileRows; r += kLanes<T>) {
    T* column = tile + static_cast<std::int64_t>(r / sub) * sub * d + r % sub;
    int f = from;
    for (; f + piece <= to; f += piece, column += piece * sub) turn_pieces<false>(rows + r, f, piece, shift, column);
    if (f < to) turn_pieces<true>(rows + r, f, to - f, shift, column);
  }
}

template <class T>
inline void fill_tile(const T* const* rows, int d, const T* shift, T* tile) {
  fill_tile(rows, 0, d, shift, tile);
}

// Adds the squares of some columns to the squared norms of the rows of a subtile.
// IN: subtile[kSubRows * d]. IN, OUT: norms[kSubRows].
template <class T>
inline void add_squares(const T* subtile, int d, T* norms) {
  using V = Vec<T>;
  V sum[kRowVectors];
  BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) sum[r] = load<V>(norms + r * kLanes<T>);
  for (int f = 0; f < d; ++f, subtile += kSubRows<T>) {
    BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) {
      const V x = load<V>(subtile + r * kLanes<T>);
      sum[r] = fma(x, x, sum[r]);
    }
  }
  BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) store(norms + r * kLanes<T>, sum[r]);
}

// Takes the products x . c of Count centres, over some columns, off their scores in registers:
// scores[c * kRowVectors + r].
// IN: subtile[kSubRows * d]; packed[d * Count], feature by feature.
template <class T, int Count>
BURLY_INLINE void take_products(const T* subtile, int d, const T* packed, Vec<T> (&scores)[Count * kRowVectors]) {
  using V = Vec<T>;
  // One flat loop: GCC 12 keeps the array in memory when two nested loops index it.
  constexpr int n = Count * kRowVectors;
  for (int f = 0; f < d; ++f, subtile += kSubRows<T>, packed += Count) {
    BURLY_UNROLL for (int i = 0; i < n; ++i) {
      const V x = load<V>(subtile + (i % kRowVectors) * kLanes<T>);
      scores[i] = fnma(x, splat(packed[i / kRowVectors]), scores[i]);
    }
  }
}

// The same for centres that lie anywhere: points[c][d].
template <class T, int Count>
BURLY_INLINE void take_products(const T* subtile, int d, const T* const (&points)[Count],
                                Vec<T> (&scores)[Count * kRowVectors]) {
  using V = Vec<T>;
  constexpr int n = Count * kRowVectors;
  for (int f = 0; f < d; ++f, subtile += kSubRows<T>) {
    BURLY_UNROLL for (int i = 0; i < n; ++i) {
      const V x = load<V>(subtile + (i % kRowVectors) * kLanes<T>);
      scores[i] = fnma(x, splat(points[i / kRowVectors][f]), scores[i]);
    }
  }
}

}  // namespace burly

// Squared distances of the rows of a tile to some points.
#pragma once

#include <cstdint>

#include "tile.h"

namespace burly {

// Squared distances, straight from the differences, of Vectors vectors of rows to Count points.
template <class T, int Count, int Vectors>
BURLY_INLINE void squares(const T* subtile, int d, const T* const* points, T* out) {
  using V = Vec<T>;
  V sum[Count][Vectors];
  unrolled<Count>([&](auto c) { unrolled<Vectors>([&](auto r) { sum[c][r] = V{}; }); });
  for (int f = 0; f < d; ++f, subtile += kSubRows<T>) {
    V x[Vectors];
    unrolled<Vectors>([&](auto r) { x[r] = load<V>(subtile + r * kLanes<T>); });
    unrolled<Count>([&](auto c) {
      const V point = splat(points[c][f]);
      unrolled<Vectors>([&](auto r) {
        const V off = x[r] - point;
        sum[c][r] = fma(off, off, sum[c][r]);
      });
    });
  }
  unrolled<Count>([&](auto c) {
    unrolled<Vectors>([&](auto r) { store(out + c * kTileRows + r * kLanes<T>, sum[c][r]); });
  });
}

template <class T, int Vectors>
inline void squares_of(int count, const T* subtile, int d, const T* const* points, T* out) {
  switch (count) {
    case 6: squares<T, 6, Vectors>(subtile, d, points, out); break;
    case 5: squares<T, 5, Vectors>(subtile, d, points, out); break;
    case 4: squares<T, 4, Vectors>(subtile, d, points, out); break;
    case 3: squares<T, 3, Vectors>(subtile, d, points, out); break;
    case 2: squares<T, 2, Vectors>(subtile, d, points, out); break;
    default: squares<T, 1, Vectors>(subtile, d, points, out); break;
  }
}

// Squared distances of the first n rows of a tile to count <= kGroup points. OUT: out[count * kTileRows].
template <class T>
inline void tile_squares(const T* tile, int n, int d, const T* const* points, int count, T* out) {
  constexpr int sub = kSubRows<T>;
  for (int first = 0; first < n; first += sub) {
    const T* subtile = tile + static_cast<std::int64_t>(first) * d;
    if (n - first <= kLanes<T>) squares_of<T, 1>(count, subtile, d, points, out + first);
    else squares_of<T, kRowVectors>(count, subtile, d, points, out + first);
  }
}

}  // namespace burly

// How far centres are from each other, so that a row need only look at those around its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kmeans_centres.h"
#include "memory.h"
#include "tile.h"

namespace burly {

// Lower bounds of the distances between k centres. Threads share the work; see docs/kernels.md.
template <class T>
class Neighbours {
 public:
  Neighbours(int k, int d, T gamma, T tiny)
      : k_(k), stride_((k + kTileRows - 1) / kTileRows * kTileRows), gamma_(gamma), tiny_(tiny), zero_(d) {
    std::fill(zero_.begin(), zero_.end(), T{0});
  }

  // IN: all centres, room for a tile of d features. Fills the part of one thread of many.
  void prepare(const Centres<T>& centres, T* tile, int thread, int n_threads) {
    for (int first = thread * kTileRows; first < k_; first += n_threads * kTileRows) measure(centres, tile, first);
  }

  // Takes the room before the threads come.
  void reserve() {
    if (distances_.size() != 0) return;
    distances_ = Buffer<T>(static_cast<std::size_t>(k_) * stride_);
    nearest_ = Buffer<T>(stride_);
  }

  // To all centres, infinite to itself; as many as a multiple of 64, the last of which mean nothing.
  const T* of(int j) const { return distances_.data() + static_cast<std::int64_t>(j) * stride_; }
  T nearest(int j) const { return nearest_[j]; }

 private:
  void measure(const Centres<T>& centres, T* tile, int first) {
    const int d = centres.d();
    const T* rows[kTileRows];
    for (int r = 0; r < kTileRows; ++r) rows[r] = centres.shifted(std::min(first + r, k_ - 1));
    fill_tile(rows, d, zero_.data(), tile);
    alignas(64) T norms[kTileRows] = {};
    for (int s = 0; s < kSubtiles<T>; ++s) {
      const T* subtile = tile + static_cast<std::int64_t>(s) * kSubRows<T> * d;
      add_squares(subtile, d, norms + s * kSubRows<T>);
      for (int r = 0; r < kSubRows<T>; ++r) nearest_[first + s * kSubRows<T> + r] = std::numeric_limits<T>::infinity();
      int j = 0;
      for (; j + kGroup <= k_; j += kGroup) columns<kGroup>(centres, subtile, norms, first, s, j);
      for (; j < k_; ++j) columns<1>(centres, subtile, norms, first, s, j);
    }
  }

  template <int Count>
  BURLY_INLINE void columns(const Centres<T>& centres, const T* subtile, const T* norms, int first, int s, int j) {
    using V = Vec<T>;
    V scores[Count * kRowVectors];
    const T* points[Count];
    for (int c = 0; c < Count; ++c) points[c] = centres.shifted(j + c);
    BURLY_UNROLL for (int i = 0; i < Count * kRowVectors; ++i) scores[i] = splat(centres.half(j + i / kRowVectors));
    take_products<T, Count>(subtile, centres.d(), points, scores);
    BURLY_UNROLL for (int i = 0; i < Count * kRowVectors; ++i) {
      const int at = s * kSubRows<T> + i % kRowVectors * kLanes<T>, other = j + i / kRowVectors;
      const V norm = load<V>(norms + at);
      const V square = fma(splat(T{2}), scores[i], norm);
      const V error = fma(splat(gamma_), fma(splat(T{8}), norm, splat(T{2}) * square), splat(tiny_));
      T* to = distances_.data() + static_cast<std::int64_t>(other) * stride_ + first + at;
      store(to, sqrt(greater(square - error, V{})));
      if (const int own = other - first - at; own >= 0 && own < kLanes<T>) to[own] = std::numeric_limits<T>::infinity();
      T* nearest = nearest_.data() + first + at;
      store(nearest, lesser(load<V>(to), load<V>(nearest)));
    }
  }

  int k_, stride_;
  T gamma_, tiny_;
  Buffer<T> zero_;
  Buffer<T> distances_;
  Buffer<T> nearest_;
};

}  // namespace burly

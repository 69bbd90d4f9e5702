// Centres as the register tiles read them, and the nearest two of them for every row of a tile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "memory.h"
#include "tile.h"

namespace burly {

// k centres, shifted: scores and distances are of row - shift and centre - shift, both rounded to T.
template <class T>
class Centres {
 public:
  struct Group {
    int first;
    int count;
  };

  Centres(int k, int d)
      : k_(k), d_(d), shifted_(static_cast<std::size_t>(k) * d), packed_(static_cast<std::size_t>(k) * d), half_(k) {
    // As few groups as can be, of nearly the same size: a group of one or two would starve the pipes.
    const int n = (k + kGroup - 1) / kGroup;
    for (int g = 0, first = 0; g < n; ++g) {
      const int count = k / n + (g < k % n ? 1 : 0);
      groups_.push_back({first, count});
      first += count;
    }
  }

  // IN: centres[k * d], shift[d]. Only groups [from, to), so that threads can share the work.
  void set(const T* centres, const T* shift, int from, int to) {
    for (int g = from; g < to; ++g) {
      const auto [first, count] = groups_[g];
      T* packed = packed_.data() + static_cast<std::int64_t>(first) * d_;
      for (int c = 0; c < count; ++c) {
        const T* centre = centres + static_cast<std::int64_t>(first + c) * d_;
        T* shifted = shifted_.data() + static_cast<std::int64_t>(first + c) * d_;
        double norm = 0;
        for (int f = 0; f < d_; ++f) {
          const T x = centre[f] - shift[f];
          shifted[f] = x;
          packed[static_cast<std::int64_t>(f) * count + c] = x;
          norm = fma(static_cast<double>(x), static_cast<double>(x), norm);
        }
        half_[first + c] = static_cast<T>(0.5 * norm);
      }
    }
  }

  void set(const T* centres, const T* shift) { set(centres, shift, 0, n_groups()); }

  int k() const { return k_; }
  int d() const { return d_; }
  int n_groups() const { return static_cast<int>(groups_.size()); }
  const Group& group(int g) const { return groups_[g]; }
  const T* shifted(int j) const { return shifted_.data() + static_cast<std::int64_t>(j) * d_; }
  const T* packed(const Group& g) const { return packed_.data() + static_cast<std::int64_t>(g.first) * d_; }
  const T* half(const Group& g) const { return half_.data() + g.first; }

 private:
  int k_;
  int d_;
  Buffer<T> shifted_;
  Buffer<T> packed_;
  Buffer<T> half_;
  std::vector<Group> groups_;
};

// Rows of more features than this are taken in parts, so that a tile and a group stay in L1.
template <class T>
constexpr int kWholeFeatures = 512 / static_cast<int>(sizeof(T));
template <class T>
constexpr int kPartFeatures = 256 / static_cast<int>(sizeof(T));

// The least and second least score of each row of a tile, and whose the least is: |x - c|^2 / 2 without the
// row's own share. The lowest centre wins a tie.
template <class T>
class Nearest {
 public:
  alignas(64) T best[kTileRows];
  alignas(64) T second[kTileRows];
  alignas(64) T norms[kTileRows];  // |x|^2
  alignas(64) IntOf<T> index[kTileRows];

  // For k centres of d features.
  Nearest(int k, int d)
      : part_(d <= kWholeFeatures<T> ? d : kPartFeatures<T>),
        tile_(static_cast<std::size_t>(kTileRows) * part_),
        scores_(d <= kWholeFeatures<T> ? 0 : static_cast<std::size_t>(k) * kTileRows) {}

  // IN: 64 row pointers, shift[d].
  void find(const T* const* rows, const T* shift, const Centres<T>& centres) {
    std::fill_n(best, kTileRows, std::numeric_limits<T>::infinity());
    std::fill_n(second, kTileRows, std::numeric_limits<T>::infinity());
    std::fill_n(norms, kTileRows, T{0});
    std::fill_n(index, kTileRows, IntOf<T>{0});
    const int d = centres.d();
    for (int from = 0; from < d; from += part_) {
      const int to = std::min(from + part_, d);
      fill_tile(rows, from, to, shift, tile_.data());
      for (int s = 0; s < kSubtiles<T>; ++s) add_squares(subtile(s, to - from), to - from, norms + s * kSubRows<T>);
      if (from == 0 && to == d) score_all<true, true>(centres, from, to);
      else if (from == 0) score_all<true, false>(centres, from, to);
      else if (to < d) score_all<false, false>(centres, from, to);
      else score_all<false, true>(centres, from, to);
    }
  }

 private:
  const T* subtile(int s, int d) const { return tile_.data() + static_cast<std::int64_t>(s) * kSubRows<T> * d; }

  // The features [from, to), of all centres.
  template <bool First, bool Last>
  void score_all(const Centres<T>& centres, int from, int to) {
    for (int g = 0; g < centres.n_groups(); ++g) {
      const auto& group = centres.group(g);
      const T* packed = centres.packed(group) + static_cast<std::int64_t>(from) * group.count;
      const T* half = centres.half(group);
      for (int s = 0; s < kSubtiles<T>; ++s) {
        switch (group.count) {
          case 6: score<6, First, Last>(s, to - from, packed, half, group.first); break;
          case 5: score<5, First, Last>(s, to - from, packed, half, group.first); break;
          case 4: score<4, First, Last>(s, to - from, packed, half, group.first); break;
          case 3: score<3, First, Last>(s, to - from, packed, half, group.first); break;
          case 2: score<2, First, Last>(s, to - from, packed, half, group.first); break;
          default: score<1, First, Last>(s, to - from, packed, half, group.first); break;
        }
      }
    }
  }

  template <int Count, bool First, bool Last>
  BURLY_INLINE void score(int s, int d, const T* packed, const T* half, int first) {
    using V = Vec<T>;
    constexpr int n = Count * kRowVectors;
    T* kept = scores_.data() + static_cast<std::int64_t>(first) * kTileRows + s * Count * kSubRows<T>;
    V scores[n];
    if constexpr (First) {
      BURLY_UNROLL for (int i = 0; i < n; ++i) scores[i] = splat(half[i / kRowVectors]);
    } else {
      BURLY_UNROLL for (int i = 0; i < n; ++i) scores[i] = load<V>(kept + i * kLanes<T>);
    }
    take_products<T, Count>(subtile(s, d), d, packed, scores);
    if constexpr (Last) {
      compare<Count>(s, scores, first);
    } else {
      BURLY_UNROLL for (int i = 0; i < n; ++i) store(kept + i * kLanes<T>, scores[i]);
    }
  }

  template <int Count>
  BURLY_INLINE void compare(int s, const Vec<T> (&scores)[Count * kRowVectors], int first) {
    using V = Vec<T>;
    using I = Vec<IntOf<T>>;
    V least = V{}, next = V{};
    I whose = I{};
    BURLY_UNROLL for (int i = 0; i < Count * kRowVectors; ++i) {
      const int c = i % Count, at = s * kSubRows<T> + i / Count * kLanes<T>;
      if (c == 0) {
        least = load<V>(best + at);
        next = load<V>(second + at);
        whose = load<I>(index + at);
      }
      const V one = scores[c * kRowVectors + i / Count];
      whose = one < least ? splat<IntOf<T>>(static_cast<IntOf<T>>(first + c)) : whose;
      next = lesser(greater(one, least), next);
      least = lesser(one, least);
      if (c == Count - 1) {
        store(best + at, least);
        store(second + at, next);
        store(index + at, whose);
      }
    }
  }

  int part_;
  Buffer<T> tile_;
  Buffer<T> scores_;  // of rows taken in parts, as far as they are
};

}  // namespace burly

// The nearest two centres of every row of a tile.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "kmeans_centres.h"
#include "kmeans_neighbours.h"
#include "memory.h"
#include "tile.h"

namespace burly {

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
  alignas(64) T norms[kTileRows];    // |x|^2
  alignas(64) T outside[kTileRows];  // the squared distance to every centre that was not looked at is at least this
  alignas(64) IntOf<T> index[kTileRows];

  // For k centres of d features.
  Nearest(int k, int d)
      : part_(d <= kWholeFeatures<T> ? d : kPartFeatures<T>),
        tile_(static_cast<std::size_t>(kTileRows) * part_),
        scores_(d <= kWholeFeatures<T> ? 0 : static_cast<std::size_t>(k) * kTileRows) {}

  T* tile() { return tile_.data(); }

  // 0 as long as all norms are finite.
  T poison() const {
    using V = Vec<T>;
    V odd = V{};
    for (int r = 0; r < kTileRows; r += kLanes<T>) odd += load<V>(norms + r) - load<V>(norms + r);
    T sum = 0;
    for (int lane = 0; lane < kLanes<T>; ++lane) sum += odd[lane];
    return sum;
  }

  // IN: 64 row pointers, shift[d]; and those of rows that will be asked for next, fetched on the way.
  void find(const T* const* rows, const T* shift, const Centres<T>& centres, const T* const* next, int n_next) {
    clear();
    const int d = centres.d();
    for (int from = 0; from < d; from += part_) {
      const int to = std::min(from + part_, d);
      fill_tile(rows, from, to, shift, tile_.data());
      for (int s = 0; s < kSubtiles<T>; ++s) add_squares(subtile(s, to - from), to - from, norms + s * kSubRows<T>);
      if (to < d) ahead_ = {rows, kTileRows, to, std::min(to + part_, d)};
      else ahead_ = {next, n_next, 0, std::min(part_, d)};
      if (from == 0 && to == d) score_all<true, true>(centres, from, to);
      else if (from == 0) score_all<true, false>(centres, from, to);
      else if (to < d) score_all<false, false>(centres, from, to);
      else score_all<false, true>(centres, from, to);
    }
  }

  // The same, but looks only at centres around the own one of each row; for no more than kWholeFeatures.
  // IN: 64 row pointers, own[64] with few different values, shift[d].
  void find_near(const T* const* rows, const std::int32_t* own, const T* shift, const Centres<T>& centres,
                 const Neighbours<T>& neighbours, T gamma, T tiny) {
    clear();
    const int d = centres.d();
    fill_tile(rows, d, shift, tile_.data());
    for (int s = 0; s < kSubtiles<T>; ++s) add_squares(subtile(s, d), d, norms + s * kSubRows<T>);
    chosen_.clear();
    for (int r = 0; r < kTileRows; ++r)
      if (r == 0 || own[r] != own[r - 1]) chosen_.push_back(own[r]);
    score_chosen(centres, own);
    look_around(own, neighbours, gamma, tiny, centres.k());
    std::fill_n(best, kTileRows, std::numeric_limits<T>::infinity());
    if (2 * static_cast<int>(chosen_.size()) < centres.k()) {
      score_chosen(centres, nullptr);
      return;
    }
    // Centres in their packed order are read faster.
    std::fill_n(outside, kTileRows, std::numeric_limits<T>::infinity());
    ahead_ = {nullptr, 0, 0, 0};
    score_all<true, true>(centres, 0, d);
  }

 private:
  void clear() {
    std::fill_n(best, kTileRows, std::numeric_limits<T>::infinity());
    std::fill_n(second, kTileRows, std::numeric_limits<T>::infinity());
    std::fill_n(norms, kTileRows, T{0});
    std::fill_n(outside, kTileRows, std::numeric_limits<T>::infinity());
    std::fill_n(index, kTileRows, IntOf<T>{0});
  }

  // From the score of each row's own centre, in best: chooses the centres that can be nearest to some row, and
  // bounds the distance to all others.
  void look_around(const std::int32_t* own, const Neighbours<T>& neighbours, T gamma, T tiny, int k) {
    using V = Vec<T>;
    constexpr T unit = std::numeric_limits<T>::epsilon();
    alignas(64) T reach[kTileRows];
    for (int r = 0; r < kTileRows; r += kLanes<T>) {
      const V norm = load<V>(norms + r);
      const V square = greater(fma(splat(T{2}), load<V>(best + r), norm), V{});
      const V error = fma(splat(gamma), fma(splat(T{8}), norm, splat(T{2}) * square), splat(tiny));
      store(reach + r, sqrt(fma(splat(T{3}), error, square)));
    }
    wanted_.assign((k + 63) / 64, 0);
    for (int r = 0, end; r < kTileRows; r = end) {
      const int j = own[r];
      T most = reach[r];
      for (end = r + 1; end < kTileRows && own[end] == j; ++end) most = reach[end] > most ? reach[end] : most;
      // All that can be nearest lie within twice the reach; the rest is for a gap that lasts.
      const T radius = 2 * most + std::min(neighbours.nearest(j), most / 2);
      const T* distances = neighbours.of(j);
      for (int c = 0; c < k; c += 64) {
        std::uint64_t near = 0;
        for (int i = 0; i < 64; ++i) near |= static_cast<std::uint64_t>(distances[c + i] <= radius) << i;
        wanted_[c / 64] |= near;
      }
      wanted_[j / 64] |= std::uint64_t{1} << (j % 64);
      for (int i = r; i < end; ++i) {
        const T away = (radius - reach[i]) * (1 - 4 * unit);
        outside[i] = away > 0 ? away * away * (1 - 4 * unit) : T{0};
      }
    }
    chosen_.clear();
    for (int c = 0; c < k; c += 64)
      for (std::uint64_t left = wanted_[c / 64]; left != 0; left &= left - 1) {
        const int j = c + std::countr_zero(left);
        if (j < k) chosen_.push_back(j);
      }
  }

  // The chosen centres, in their order. With own: leaves each row's score of its own centre in best.
  void score_chosen(const Centres<T>& centres, const std::int32_t* own) {
    const int n = static_cast<int>(chosen_.size());
    for (int i = 0; i < n; i += kGroup) {
      const std::int32_t* which = chosen_.data() + i;
      for (int s = 0; s < kSubtiles<T>; ++s) {
        switch (std::min(n - i, kGroup)) {
          case 6: score_some<6>(s, centres, which, own); break;
          case 5: score_some<5>(s, centres, which, own); break;
          case 4: score_some<4>(s, centres, which, own); break;
          case 3: score_some<3>(s, centres, which, own); break;
          case 2: score_some<2>(s, centres, which, own); break;
          default: score_some<1>(s, centres, which, own); break;
        }
      }
    }
  }

  template <int Count>
  BURLY_INLINE void score_some(int s, const Centres<T>& centres, const std::int32_t* which, const std::int32_t* own) {
    using V = Vec<T>;
    constexpr int n = Count * kRowVectors;
    V scores[n];
    const T* points[Count];
    for (int c = 0; c < Count; ++c) points[c] = centres.shifted(which[c]);
    BURLY_UNROLL for (int i = 0; i < n; ++i) scores[i] = splat(centres.half(which[i / kRowVectors]));
    take_products<T, Count>(subtile(s, centres.d()), centres.d(), points, scores);
    if (own == nullptr) {
      compare<Count>(s, scores, which);
      return;
    }
    alignas(64) T found[n * kLanes<T>];
    BURLY_UNROLL for (int i = 0; i < n; ++i) store(found + i * kLanes<T>, scores[i]);
    for (int c = 0; c < Count; ++c)
      for (int r = 0; r < kSubRows<T>; ++r)
        if (own[s * kSubRows<T> + r] == which[c]) best[s * kSubRows<T> + r] = found[c * kSubRows<T> + r];
  }

  const T* subtile(int s, int d) const { return tile_.data() + static_cast<std::int64_t>(s) * kSubRows<T> * d; }

  // Rows [first, last) of those ahead, so that they are near when their columns are turned.
  void fetch(int first, int last) const {
    for (int r = first; r < last; ++r) {
      const char* end = reinterpret_cast<const char*>(ahead_.rows[r] + ahead_.to);
      for (const char* line = reinterpret_cast<const char*>(ahead_.rows[r] + ahead_.from); line < end; line += 64)
        __builtin_prefetch(line);
    }
  }

  // The features [from, to), of all centres.
  template <bool First, bool Last>
  void score_all(const Centres<T>& centres, int from, int to) {
    const int n_groups = centres.n_groups();
    for (int g = 0; g < n_groups; ++g) {
      fetch(ahead_.n * g / n_groups, ahead_.n * (g + 1) / n_groups);
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
      std::int32_t which[Count];
      for (int c = 0; c < Count; ++c) which[c] = first + c;
      compare<Count>(s, scores, which);
    } else {
      BURLY_UNROLL for (int i = 0; i < n; ++i) store(kept + i * kLanes<T>, scores[i]);
    }
  }

  template <int Count>
  BURLY_INLINE void compare(int s, const Vec<T> (&scores)[Count * kRowVectors], const std::int32_t* which) {
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
      const I here = splat(static_cast<IntOf<T>>(which[c]));
      // Centres come in rising order. A blend takes three operations with AVX2, these two.
      if constexpr (kVectorBytes == 32) whose = greater(I(one < least) & here, whose);
      else whose = one < least ? here : whose;
      next = lesser(greater(one, least), next);
      least = lesser(one, least);
      if (c == Count - 1) {
        store(best + at, least);
        store(second + at, next);
        store(index + at, whose);
      }
    }
  }

  // Rows, and features of them, that will be turned next.
  struct Ahead {
    const T* const* rows;
    int n, from, to;
  };

  int part_;
  Ahead ahead_{};
  Buffer<T> tile_;
  Buffer<T> scores_;  // of rows taken in parts, as far as they are
  std::vector<std::uint64_t> wanted_;  // a bit a centre
  std::vector<std::int32_t> chosen_;
};

}  // namespace burly

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

// The least and second least score of each row of a subtile, and whose the least is. The lowest centre
// wins a tie.
template <class T>
struct Nearest {
  alignas(64) T best[kSubRows<T>];
  alignas(64) T second[kSubRows<T>];
  alignas(64) IntOf<T> index[kSubRows<T>];

  void clear() {
    std::fill_n(best, kSubRows<T>, std::numeric_limits<T>::infinity());
    std::fill_n(second, kSubRows<T>, std::numeric_limits<T>::infinity());
    std::fill_n(index, kSubRows<T>, IntOf<T>{0});
  }

  template <int Count>
  BURLY_INLINE void visit(const T* subtile, int d, const T* packed, const T* half, int first) {
    using V = Vec<T>;
    V scores[Count * kRowVectors];
    score<T, Count>(subtile, d, packed, half, scores);
    V least = V{}, next = V{};
    Vec<IntOf<T>> whose = Vec<IntOf<T>>{};
    BURLY_UNROLL for (int i = 0; i < Count * kRowVectors; ++i) {
      const int c = i % Count, at = i / Count * kLanes<T>;
      if (c == 0) {
        least = load<V>(best + at);
        next = load<V>(second + at);
        whose = load<Vec<IntOf<T>>>(index + at);
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

  // IN: subtile[kSubRows * d], all centres.
  void find(const T* subtile, const Centres<T>& centres) {
    clear();
    const int d = centres.d();
    for (int g = 0; g < centres.n_groups(); ++g) {
      const auto& group = centres.group(g);
      const T* packed = centres.packed(group);
      const T* half = centres.half(group);
      switch (group.count) {
        case 6: visit<6>(subtile, d, packed, half, group.first); break;
        case 5: visit<5>(subtile, d, packed, half, group.first); break;
        case 4: visit<4>(subtile, d, packed, half, group.first); break;
        case 3: visit<3>(subtile, d, packed, half, group.first); break;
        case 2: visit<2>(subtile, d, packed, half, group.first); break;
        default: visit<1>(subtile, d, packed, half, group.first); break;
      }
    }
  }
};

}  // namespace burly

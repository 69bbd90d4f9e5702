// Centres as the register tiles read them.
#pragma once

#include <cstdint>
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
        for (int f = 0; f < d_; ++f) shifted[f] = centre[f] - shift[f];
      }
      // One chain a centre, side by side.
      const T* from = shifted_.data() + static_cast<std::int64_t>(first) * d_;
      double norms[kGroup] = {};
      for (int f = 0; f < d_; ++f, packed += count)
        for (int c = 0; c < count; ++c) {
          const T x = from[static_cast<std::int64_t>(c) * d_ + f];
          packed[c] = x;
          norms[c] = fma(static_cast<double>(x), static_cast<double>(x), norms[c]);
        }
      for (int c = 0; c < count; ++c) half_[first + c] = static_cast<T>(0.5 * norms[c]);
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
  T half(int j) const { return half_[j]; }

 private:
  int k_;
  int d_;
  Buffer<T> shifted_;
  Buffer<T> packed_;
  Buffer<T> half_;
  std::vector<Group> groups_;
};

}  // namespace burly

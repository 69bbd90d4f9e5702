// Adding whole rows into exact sums: lanes are features.
#pragma once

#include <cstdint>

#include "exact.h"

namespace burly {

// Terms as doubles: N of them from x, times the row's weight.
template <bool Weighted, class T, int N>
BURLY_INLINE Pack<double, N> terms(const T* x, double weight) {
  const auto wide = __builtin_convertvector(load<Pack<T, N>>(x), Pack<double, N>);
  if constexpr (Weighted) return wide * weight;
  else return wide;
}

// One row: off the sums at from (unless null), onto the sums at to. Levels lie `stride` apart in the sums
// and d apart in magic. Adding and taking off the same row leaves no trace.
template <int Levels, bool Weighted, class T>
inline void move_row(const T* x, double weight, int d, const double* magic, std::uint64_t* from, std::uint64_t* to,
                     std::int64_t stride) {
  constexpr int n = kLanes<double>;
  using D = Vec<double>;
  using U = Vec<std::uint64_t>;
  int f = 0;
  for (; f + n <= d; f += n) {
    const D term = terms<Weighted, T, n>(x + f, weight);
    const D first = term + load<D>(magic + f);
    store(to + f, load<U>(to + f) + (U)first);
    if (from != nullptr) store(from + f, load<U>(from + f) - (U)first);
    if constexpr (Levels == 2) {
      const D rest = term - (first - load<D>(magic + f));
      const U bits = (U)(rest + load<D>(magic + d + f));
      store(to + stride + f, load<U>(to + stride + f) + bits);
      if (from != nullptr) store(from + stride + f, load<U>(from + stride + f) - bits);
    }
  }
  for (; f < d; ++f) {
    double term = static_cast<double>(x[f]);
    if constexpr (Weighted) term *= weight;
    const double first = term + magic[f];
    to[f] += bits_of(first);
    if (from != nullptr) from[f] -= bits_of(first);
    if constexpr (Levels == 2) {
      const std::uint64_t bits = bits_of(term - (first - magic[f]) + magic[d + f]);
      to[stride + f] += bits;
      if (from != nullptr) from[stride + f] -= bits;
    }
  }
}

}  // namespace burly

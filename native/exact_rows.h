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

// N features of one row: off the sums at from (unless null), onto the sums at to. Levels lie `stride` apart in
// the sums and `apart` apart in magic.
template <int N, int Levels, bool Weighted, class T>
BURLY_INLINE void move_piece(const T* x, double weight, const double* magic, std::int64_t apart, std::uint64_t* from,
                             std::uint64_t* to, std::int64_t stride) {
  using D = Pack<double, N>;
  using U = Pack<std::uint64_t, N>;
  const D term = terms<Weighted, T, N>(x, weight);
  const D first = term + load<D>(magic);
  store(to, load<U>(to) + (U)first);
  if (from != nullptr) store(from, load<U>(from) - (U)first);
  if constexpr (Levels == 2) {
    const D rest = term - (first - load<D>(magic));  // exact
    const U bits = (U)(rest + load<D>(magic + apart));
    store(to + stride, load<U>(to + stride) + bits);
    if (from != nullptr) store(from + stride, load<U>(from + stride) - bits);
  }
}

// One row of n features, as above. Adding and taking off the same row leaves no trace.
template <int Levels, bool Weighted, class T>
inline void move_row(const T* x, double weight, int n, const double* magic, std::int64_t apart, std::uint64_t* from,
                     std::uint64_t* to, std::int64_t stride) {
  const auto piece = [&]<int N>(std::integral_constant<int, N>, int f) __attribute__((always_inline)) {
    move_piece<N, Levels, Weighted>(x + f, weight, magic + f, apart, from == nullptr ? nullptr : from + f, to + f, stride);
  };
  constexpr int lanes = kLanes<double>;
  int f = 0;
  for (; f + lanes <= n; f += lanes) piece(std::integral_constant<int, lanes>{}, f);
  if constexpr (lanes > 4) {
    if (f + 4 <= n) {
      piece(std::integral_constant<int, 4>{}, f);
      f += 4;
    }
  }
  if constexpr (lanes > 2) {
    if (f + 2 <= n) {
      piece(std::integral_constant<int, 2>{}, f);
      f += 2;
    }
  }
  if (f < n) piece(std::integral_constant<int, 1>{}, f);
}

}  // namespace burly

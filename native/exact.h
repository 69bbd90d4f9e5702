// Sums whose bits do not depend on the order of their terms.
//
// A term is rounded to a multiple of a quantum q = 2^e by adding 1.5 * 2^52 * q: the bits of that double,
// read as an integer, are the term in units of q plus a constant. They are added as 64-bit integers, which
// commute; the constant is taken off once at the end, times the number of terms. What the first level
// rounds away goes, exactly, into a second level with a smaller quantum. See docs/kernels.md.
#pragma once

#include <bit>
#include <cstdint>

#include "simd.h"

namespace burly {

// The constant 1.5 * 2^52 * q that rounds to multiples of q.
inline double magic_of(double q) { return q * 6755399441055744.0; }

BURLY_INLINE std::uint64_t bits_of(double x) { return std::bit_cast<std::uint64_t>(x); }

// Adds one term, with its levels, to sums[0], sums[stride], ...
template <int Levels>
BURLY_INLINE void add_term(std::uint64_t* sums, std::int64_t stride, double term, const double* magic,
                           std::int64_t magic_stride) {
  const double first = term + magic[0];
  sums[0] += bits_of(first);
  if constexpr (Levels == 2) {
    const double rest = term - (first - magic[0]);  // exact
    sums[stride] += bits_of(rest + magic[magic_stride]);
  }
}

}  // namespace burly

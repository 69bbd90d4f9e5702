// The exponential and the logarithm, lane by lane: no table, no branch, the same bits at every width.
//
// Both follow the textbook road (Cody and Waite 1980): reduce the argument by a multiple of ln 2 kept in
// two parts, evaluate a polynomial (Chebyshev interpolation in 60 digits, rounded), put the power of two
// back. Error bounds, held against mpmath by tests/kernels/test_elementary.py, in units in the last place:
// exp 1.0, log 1.0, log1p 1.5.
#pragma once

#include <cstdint>

#include "simd.h"

namespace burly {

constexpr double kLn2High = 0x1.62e42p-1;  // 20 bits: its products with exponents are exact
constexpr double kLn2Low = 0x1.fdf473de6af28p-22;
constexpr double kExpLowest = -708.0;  // below, the result would leave the normal numbers
constexpr double kExpHighest = 709.0;

// a * t + b over the coefficients, highest first.
template <int N>
BURLY_INLINE Vec<double> polynomial(Vec<double> t, const double (&c)[N]) {
  Vec<double> sum = splat(c[0]);
  unrolled<N - 1>([&](auto i) { sum = fma(sum, t, splat(c[i + 1])); });
  return sum;
}

// e^x; arguments beyond [-708, 709] are taken as these ends; not-a-number stays.
BURLY_INLINE Vec<double> exp(Vec<double> x) {
  static constexpr double c[] = {0x1.1f730349868cep-29, 0x1.af4de97ca4194p-26, 0x1.27e4db646b17ep-22,
                                 0x1.71de0231960ebp-19, 0x1.a01a01a6d889cp-16, 0x1.a01a01abe7fe1p-13,
                                 0x1.6c16c16c162d4p-10, 0x1.11111111100dcp-7,  0x1.5555555555556p-5,
                                 0x1.5555555555557p-3,  0x1p-1};
  const Vec<double> round = splat(0x1.8p52);
  x = greater(splat(kExpLowest), lesser(splat(kExpHighest), x));
  const Vec<double> shifted = fma(x, splat(0x1.71547652b82fep+0), round);
  const Vec<double> n = shifted - round;
  const Vec<double> r = fnma(n, splat(kLn2Low), fnma(n, splat(kLn2High), x));
  const Vec<double> tail = fma(r * r, polynomial(r, c), r);
  const Vec<double> e = tail + splat(1.0);
  return (Vec<double>)((Vec<std::uint64_t>)e + ((Vec<std::uint64_t>)shifted << 52));
}

// ln x of a normal positive number; anything else gives a meaningless, finite number.
BURLY_INLINE Vec<double> log(Vec<double> x) {
  using Bits = Vec<std::uint64_t>;
  static constexpr double c[] = {0x1.0c04595972ab8p-3, 0x1.0fbe83c2cbcf3p-3, 0x1.3b1c360763b8ap-3,
                                 0x1.745cf901605f7p-3, 0x1.c71c720160b47p-3, 0x1.2492492476c87p-2,
                                 0x1.9999999999a38p-2, 0x1.5555555555555p-1};
  constexpr std::uint64_t root_half = 0x3fe6a09e667f3bcd;  // sqrt(1/2): m lies in [sqrt(1/2), sqrt(2))
  constexpr std::uint64_t one = 0x3ff0000000000000;
  const Bits biased = (Bits)x + (one - root_half);
  const Bits exponent = (biased >> 52) | 0x4330000000000000;  // 2^52 + 1023 + k, as a double
  const Vec<double> k = (Vec<double>)exponent - splat(0x1p52 + 1023);
  const Vec<double> f = (Vec<double>)((biased & 0x000fffffffffffff) + root_half) - splat(1.0);
  // ln(1 + f) = 2 atanh(s) with s = f / (2 + f), and 2 s = f - s f.
  const Vec<double> s = f / (f + splat(2.0));
  const Vec<double> t = s * s;
  const Vec<double> rest = s * (f - t * polynomial(t, c));
  return fma(k, splat(kLn2High), f - (rest - k * splat(kLn2Low)));
}

// ln(1 + x) for x >= 0.
BURLY_INLINE Vec<double> log1p(Vec<double> x) {
  const Vec<double> u = x + splat(1.0);
  const Vec<double> lost = x - (u - splat(1.0));
  return log(u) + lost / u;
}

}  // namespace burly

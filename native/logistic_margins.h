// Margins of rows: x . w in one fixed structure.
//
// A row's products go to 64 bytes of lanes: lane l sums the columns l, l + lanes, ... in order, by fused
// multiply-add, in registers as wide as the module has them. Then halves are added until one is left. So the
// width of the module changes no bit.
#pragma once

#include "logistic.h"

namespace burly::logistic {

// 32 bytes of lanes: what is left after the first halving.
template <class T>
using Half = Pack<T, kGroup<T> / 2>;

// The lanes of one row, in as many registers as they need.
template <class T>
struct Lanes {
  static constexpr int parts = 64 / kVectorBytes;
  Vec<T> part[parts];

  BURLY_INLINE Half<T> halved() const {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) {
      const __m512 v = (__m512)part[0];
      return (Half<T>)(_mm512_castps512_ps256(v) + _mm512_extractf32x8_ps(v, 1));
    } else {
      const __m512d v = (__m512d)part[0];
      return (Half<T>)(_mm512_castpd512_pd256(v) + _mm512_extractf64x4_pd(v, 1));
    }
#elif defined(__AVX2__)
    return part[0] + part[1];
#else
    Half<T> sum;
    const Vec<T> low = part[0] + part[2], high = part[1] + part[3];
    __builtin_memcpy(&sum, &low, sizeof low);
    __builtin_memcpy(reinterpret_cast<char*>(&sum) + sizeof low, &high, sizeof high);
    return sum;
#endif
  }
};

// As many rows as Half has lanes; the sum of row r goes to lane r.
BURLY_INLINE Half<float> sum_lanes(const Half<float> (&r)[8]) {
  Half<float> four[4];
  for (int i = 0; i < 4; ++i)
    four[i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) +
              __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  Half<float> two[2];
  for (int i = 0; i < 2; ++i)
    two[i] = __builtin_shufflevector(four[2 * i], four[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
             __builtin_shufflevector(four[2 * i], four[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  return __builtin_shufflevector(two[0], two[1], 0, 2, 8, 10, 4, 6, 12, 14) +
         __builtin_shufflevector(two[0], two[1], 1, 3, 9, 11, 5, 7, 13, 15);
}

BURLY_INLINE Half<double> sum_lanes(const Half<double> (&r)[4]) {
  Half<double> two[2];
  for (int i = 0; i < 2; ++i)
    two[i] = __builtin_shufflevector(r[i], r[i + 2], 0, 1, 4, 5) + __builtin_shufflevector(r[i], r[i + 2], 2, 3, 6, 7);
  return __builtin_shufflevector(two[0], two[1], 0, 4, 2, 6) + __builtin_shufflevector(two[0], two[1], 1, 5, 3, 7);
}

// IN: rows[kGroup / 2] pointers; w[padded(d)]. OUT: margins[kGroup / 2].
template <class T>
BURLY_INLINE void half_group_margins(const T* const* rows, int d, const T* w, T* margins) {
  constexpr int n = kGroup<T> / 2;
  constexpr int parts = Lanes<T>::parts;
  constexpr int lanes = kLanes<T>;
  // Few enough chains for the registers, enough to hide the latency of one.
  constexpr int at_once = kRegisters / parts >= 16 && n >= 8 ? 8 : 4;
  Half<T> halves[n];
  for (int r0 = 0; r0 < n; r0 += at_once) {
    Lanes<T> sum[at_once];
    unrolled<at_once>([&](auto r) { unrolled<parts>([&](auto p) { sum[r].part[p] = Vec<T>{}; }); });
    int j = 0;
    for (; j + kGroup<T> <= d; j += kGroup<T>)
      unrolled<parts>([&](auto p) {
        const Vec<T> c = load<Vec<T>>(w + j + p * lanes);
        unrolled<at_once>([&](auto r) {
          sum[r].part[p] = fma(load<Vec<T>>(rows[r0 + r] + j + p * lanes), c, sum[r].part[p]);
        });
      });
    unrolled<parts>([&](auto p) {
      const int left = std::min(d - j - p * lanes, lanes);
      if (left <= 0) return;
      const Vec<T> c = load<Vec<T>>(w + j + p * lanes);
      unrolled<at_once>([&](auto r) {
        sum[r].part[p] = fma(load_tail(rows[r0 + r] + j + p * lanes, left), c, sum[r].part[p]);
      });
    });
    unrolled<at_once>([&](auto r) { halves[r0 + r] = sum[r].halved(); });
  }
  store(margins, sum_lanes(halves));
}

// Margins of consecutive rows, up to the next multiple of 16, so that margins has room for that many:
// those beyond n repeat the last row. IN: x[n * d], w[padded(d)], b.
template <class T>
inline void row_margins(const T* x, int n, int d, const T* w, T b, T* margins) {
  constexpr int group = kGroup<T> / 2;
  for (int i = 0; i < n; i += group) {
    const T* rows[group];
    for (int r = 0; r < group; ++r) rows[r] = x + static_cast<std::int64_t>(std::min(i + r, n - 1)) * d;
    half_group_margins(rows, d, w, margins + i);
    for (int r = 0; r < group; ++r) margins[i + r] += b;
  }
}

}  // namespace burly::logistic

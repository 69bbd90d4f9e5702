// Margins of rows: x . w in one fixed structure.
//
// A row's products go to 64 bytes of lanes: lane l sums the columns l, l + lanes, ... in order, by fused
// multiply-add, in registers as wide as the module has them. Then halves are added until one is left. So the
// width of the module changes no bit.
#pragma once

#include "logistic.h"
#include "logistic_rows.h"

namespace burly::logistic {

// Lane l of the result: a[l] + a[l ^ Distance] where l has not the bit Distance, else the same of b.
template <int Distance, class V, int... L>
BURLY_INLINE V fold(V a, V b, std::integer_sequence<int, L...>) {
  constexpr int n = sizeof...(L);
  const V own = __builtin_shufflevector(a, b, ((L & Distance) != 0 ? n + L : L)...);
  const V other = __builtin_shufflevector(a, b, ((L & Distance) != 0 ? n + L - Distance : L + Distance)...);
  return own + other;
}

// Halves of each vector are added until one value is left: that of v[r] goes to lane r of v[0].
template <class T, int Distance = kLanes<T> / 2>
BURLY_INLINE void fold_all(Vec<T> (&v)[kLanes<T>]) {
  BURLY_UNROLL for (int i = 0; i < Distance; ++i)
    v[i] = fold<Distance>(v[i], v[i + Distance], std::make_integer_sequence<int, kLanes<T>>{});
  if constexpr (Distance > 1) fold_all<T, Distance / 2>(v);
}

// The lanes of a row in as many registers as they need, added until they fill one.
template <class T>
BURLY_INLINE Vec<T> one_register(const Vec<T>* part) {
  constexpr int parts = 64 / kVectorBytes;
  if constexpr (parts == 1) return part[0];
  else if constexpr (parts == 2) return part[0] + part[1];
  else return (part[0] + part[2]) + (part[1] + part[3]);
}

// A register of S from values of S, or from float for double.
template <class S, class T>
BURLY_INLINE Vec<S> load_as(const T* from) {
  if constexpr (sizeof(S) == sizeof(T)) return load<Vec<S>>(from);
  else return load_double(from);
}

// The same of n values, then zeros.
template <class S, class T>
BURLY_INLINE Vec<S> load_tail_as(const T* from, int n) {
  if constexpr (sizeof(S) == sizeof(T)) return load_tail(from, n);
  T values[kLanes<S>] = {};
  for (int l = 0; l < n; ++l) values[l] = from[l];
  return load_as<S>(values);
}

// Rows rows at once, summed in S, of which each has Whole groups of columns (any number, if -1) and, if Tail, more.
// Half as much of what comes next is asked for meanwhile.
// IN: rows[Rows] pointers; w[padded(d)]. OUT: sums[Rows], lanes of one register.
template <int Rows, int Whole, bool Tail, class T, class S>
BURLY_INLINE void lanes_of(const T* const* rows, int d, const S* w, Vec<S>* sums, Ahead& ahead) {
  constexpr int parts = 64 / kVectorBytes;
  constexpr int lanes = kLanes<S>;
  constexpr int n = Rows * parts;
  Vec<S> sum[n];
  BURLY_UNROLL for (int i = 0; i < n; ++i) sum[i] = Vec<S>{};
  const auto add = [&](int j) __attribute__((always_inline)) {
    BURLY_UNROLL for (int i = 0; i < n; ++i) {
      const int at = j + i % parts * lanes;
      sum[i] = fma(load_as<S>(rows[i / parts] + at), load<Vec<S>>(w + at), sum[i]);
    }
  };
  int j = 0;
  if constexpr (Whole >= 0) {
    if constexpr (Whole > 0) ahead.fetch(Whole * Rows / 2);
    unrolled<Whole>([&](auto group) __attribute__((always_inline)) { add(group * kGroup<S>); });
    j = Whole * kGroup<S>;
  } else {
    for (; j + kGroup<S> <= d; j += kGroup<S>) {
      ahead.fetch(Rows / 2);
      add(j);
    }
  }
  if constexpr (Tail)
    BURLY_UNROLL for (int p = 0; p < parts; ++p) {
      const int at = j + p * lanes;
      const int left = std::min(d - at, lanes);
      if (left <= 0) break;
      BURLY_UNROLL for (int r = 0; r < Rows; ++r)
        sum[r * parts + p] = fma(load_tail_as<S>(rows[r] + at, left), load<Vec<S>>(w + at), sum[r * parts + p]);
    }
  BURLY_UNROLL for (int r = 0; r < Rows; ++r) sums[r] = one_register<S>(sum + r * parts);
}

// One register of margins, of rows i, i + 1, ...; where Last, those beyond n repeat the last row.
template <int Whole, bool Tail, bool Last, class T, class S>
BURLY_INLINE void group_margins(const T* x, int i, int n, int d, const S* w, S b, S* margins, Ahead& ahead) {
  constexpr int group = kLanes<S>;
  // Few enough chains for the registers, enough to hide the latency of one.
  constexpr int at_once = std::min(group, kVectorBytes == 64 ? 8 : 4);
  Vec<S> sums[group];
  BURLY_UNROLL for (int r = 0; r < group; r += at_once) {
    const T* rows[at_once];
    BURLY_UNROLL for (int q = 0; q < at_once; ++q)
      rows[q] = x + static_cast<std::int64_t>(Last ? std::min(i + r + q, n - 1) : i + r + q) * d;
    lanes_of<at_once, Whole, Tail>(rows, d, w, sums + r, ahead);
  }
  fold_all<S>(sums);
  store(margins + i, sums[0] + splat(b));
}

template <int Whole, bool Tail, class T, class S>
inline void margins_of(const T* x, int n, int d, const S* w, S b, S* margins, Ahead& ahead) {
  constexpr int group = kLanes<S>;
  int i = 0;
  for (; i + group <= n; i += group) group_margins<Whole, Tail, false>(x, i, n, d, w, b, margins, ahead);
  if (i < n) group_margins<-1, true, true>(x, i, n, d, w, b, margins, ahead);
}

// Margins of consecutive rows, up to the next multiple of a register's lanes, so that margins has room for that many:
// those beyond n repeat the last row. IN: x[n * d], w[padded(d)], b. Float rows may be summed in double.
template <class T, class S>
inline void row_margins(const T* x, int n, int d, const S* w, S b, S* margins, Ahead& ahead) {
  // Narrow rows have no time for a loop over their groups, and their coefficients stay in registers.
  const bool tail = d % kGroup<S> != 0;
  switch (d / kGroup<S>) {
    case 0: return margins_of<0, true>(x, n, d, w, b, margins, ahead);
    case 1: return tail ? margins_of<1, true>(x, n, d, w, b, margins, ahead)
                        : margins_of<1, false>(x, n, d, w, b, margins, ahead);
    case 2: return tail ? margins_of<2, true>(x, n, d, w, b, margins, ahead)
                        : margins_of<2, false>(x, n, d, w, b, margins, ahead);
    default: return margins_of<-1, true>(x, n, d, w, b, margins, ahead);
  }
}

}  // namespace burly::logistic

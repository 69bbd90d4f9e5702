// One block of sparse rows: margins, and exact sums of residual times value, non-zero by non-zero.
#pragma once

#include "logistic_margins.h"
#include "logistic_sparse_rows.h"

namespace burly::logistic {

#if defined(__AVX512F__)
// kLanes<T> places, as gathers want them.
template <class T, class Index>
BURLY_INLINE auto loaded_places(const Index* at) {
  if constexpr (sizeof(T) == 4) {
    if constexpr (sizeof(Index) == 2) return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
    else return _mm512_loadu_si512(at);
  } else {
    if constexpr (sizeof(Index) == 2) return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    else return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
}
#endif

// kLanes<T> values of w, at these places.
template <class T, class Index>
BURLY_INLINE Vec<T> gathered(const T* w, const Index* at) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_i32gather_ps(loaded_places<T>(at), w, 4);
  else return (Vec<T>)_mm512_i32gather_pd(loaded_places<T>(at), w, 8);
#else
  T v[kLanes<T>];
  for (int l = 0; l < kLanes<T>; ++l) v[l] = w[at[l]];
  return load<Vec<T>>(v);
#endif
}

// The first n < kLanes<T> of them, then zeros. Places beyond are read, and not used.
template <class T, class Index>
BURLY_INLINE Vec<T> gathered_tail(const T* w, const Index* at, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), static_cast<__mmask16>((1u << n) - 1),
                                            loaded_places<T>(at), w, 4);
  else
    return (Vec<T>)_mm512_mask_i32gather_pd(_mm512_setzero_pd(), static_cast<__mmask8>((1u << n) - 1),
                                            loaded_places<T>(at), w, 8);
#else
  T v[kLanes<T>] = {};
  for (int l = 0; l < n; ++l) v[l] = w[at[l]];
  return load<Vec<T>>(v);
#endif
}

// The products of one row: lane l sums entries l, l + lanes, ... in order; lanes of one register.
template <class T, class Index>
BURLY_INLINE Vec<T> row_lanes(const T* x, const Index* at, std::int64_t n, const T* w) {
  constexpr int parts = 64 / kVectorBytes;
  constexpr int lanes = kLanes<T>;
  Vec<T> sum[parts] = {};
  std::int64_t e = 0;
  for (; e + kGroup<T> <= n; e += kGroup<T>) {
    BURLY_UNROLL for (int p = 0; p < parts; ++p)
      sum[p] = fma(load<Vec<T>>(x + e + p * lanes), gathered<T>(w, at + e + p * lanes), sum[p]);
  }
  BURLY_UNROLL for (int p = 0; p < parts; ++p) {
    const int left = static_cast<int>(std::min<std::int64_t>(n - e - p * lanes, lanes));
    if (left == lanes)
      sum[p] = fma(load<Vec<T>>(x + e + p * lanes), gathered<T>(w, at + e + p * lanes), sum[p]);
    else if (left > 0)
      sum[p] = fma(load_tail(x + e + p * lanes, left), gathered_tail<T>(w, at + e + p * lanes, left), sum[p]);
  }
  return one_register<T>(sum);
}

// One output. IN: x, at: entries of the first row on; starts[n + 1]; w by place. OUT: z, up to a multiple of 16 rows.
template <class T, class Index>
void sparse_margins(const T* x, const Index* at, const std::int64_t* starts, int n, const T* w, T b, T* z) {
  constexpr int group = kLanes<T>;
  for (int i = 0; i < n; i += group) {
    Vec<T> sums[group];
    for (int r = 0; r < group; ++r) {
      const int row = std::min(i + r, n - 1);
      const std::int64_t e = starts[row] - starts[0];
      sums[r] = row_lanes(x + e, at + e, starts[row + 1] - starts[row], w);
    }
    fold_all<T>(sums);
    store(z + i, sums[0] + splat(b));
  }
}

// Adds x r of every entry, as whole units, to the total of its column. `scale` brings residuals to units.
template <class T, class Index>
void scatter(const T* x, const Index* at, const std::int64_t* starts, int n, const T* r, double scale,
             std::uint64_t* totals) {
  constexpr int lanes = kLanes<double>;
  constexpr std::int64_t some = static_cast<std::int64_t>(kSlack);
  alignas(64) std::uint64_t terms[kSlack];
  const auto round = splat(kRound);
  const auto round_bits = splat(kRoundBits);
  for (int i = 0; i < n; ++i) {
    const auto row = splat(static_cast<double>(r[i]) * scale);
    const std::int64_t end = starts[i + 1] - starts[0];
    for (std::int64_t first = starts[i] - starts[0]; first < end; first += some) {
      const std::int64_t now = std::min(some, end - first);
      for (std::int64_t e = 0; e < now; e += lanes)
        store(terms + e, (Vec<std::uint64_t>)fma(load_double(x + first + e), row, round) - round_bits);
      for (std::int64_t e = 0; e < now; ++e) totals[at[first + e]] += terms[e];
    }
  }
}

// --- several outputs: lanes are outputs -------------------------------------------------------

// OUT: z[outputs][kBlockRows]. IN: w[place][stride], b[stride].
template <class T, class Index>
void sparse_margins(const T* x, const Index* at, const std::int64_t* starts, int n, int outputs, int stride, const T* w,
                    const T* b, T* z) {
  constexpr int lanes = kLanes<T>;
  for (int i = 0; i < n; ++i) {
    const std::int64_t first = starts[i] - starts[0], end = starts[i + 1] - starts[0];
    for (int k = 0; k < outputs; k += lanes) {
      Vec<T> sum{};
      for (std::int64_t e = first; e < end; ++e)
        sum = fma(splat(x[e]), load<Vec<T>>(w + static_cast<std::int64_t>(at[e]) * stride + k), sum);
      T v[lanes];
      store(v, sum + load<Vec<T>>(b + k));
      for (int l = 0; l < std::min(lanes, outputs - k); ++l) z[(k + l) * kBlockRows + i] = v[l];
    }
  }
}

// IN: r[outputs][kBlockRows]. IN OUT: totals[place][stride]. Room: row[stride].
template <class T, class Index>
void scatter(const T* x, const Index* at, const std::int64_t* starts, int n, int outputs, int stride, const T* r,
             double scale, double* row, std::uint64_t* totals) {
  constexpr int lanes = kLanes<double>;
  const auto round = splat(kRound);
  const auto round_bits = splat(kRoundBits);
  std::fill(row, row + stride, 0.0);
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < outputs; ++k) row[k] = static_cast<double>(r[k * kBlockRows + i]) * scale;
    for (std::int64_t e = starts[i] - starts[0]; e < starts[i + 1] - starts[0]; ++e) {
      const auto value = splat(static_cast<double>(x[e]));
      std::uint64_t* to = totals + static_cast<std::int64_t>(at[e]) * stride;
      for (int k = 0; k < stride; k += lanes) {
        const auto term = (Vec<std::uint64_t>)fma(value, load<Vec<double>>(row + k), round) - round_bits;
        store(to + k, load<Vec<std::uint64_t>>(to + k) + term);
      }
    }
  }
}

}  // namespace burly::logistic

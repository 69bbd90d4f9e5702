// Vectors of the width this module is compiled for.
//
// The compiler's vector types (GCC, Clang) carry the arithmetic; intrinsics only where the language has
// no word for an operation: fused multiply-add and the square root. Everything here is lane by lane and
// correctly rounded, so the width never shows in a bit.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define BURLY_INLINE inline __attribute__((always_inline))

// In front of a loop of constant length over an array that shall live in registers.
#if defined(__clang__)
#define BURLY_UNROLL _Pragma("clang loop unroll(full)")
#else
#define BURLY_UNROLL _Pragma("GCC unroll 32")
#endif

namespace burly {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kRegisters = 16;
#else
constexpr int kVectorBytes = 16;
constexpr int kRegisters = 32;
#endif

template <class T, int Bytes>
struct VectorOf;
#define BURLY_VECTOR(T, BYTES)                                 \
  template <>                                                  \
  struct VectorOf<T, BYTES> {                                  \
    typedef T type __attribute__((vector_size(BYTES)));        \
  }
#define BURLY_VECTORS(T) \
  BURLY_VECTOR(T, 8);    \
  BURLY_VECTOR(T, 16);   \
  BURLY_VECTOR(T, 32);   \
  BURLY_VECTOR(T, 64)
BURLY_VECTORS(float);
BURLY_VECTORS(double);
BURLY_VECTORS(std::int32_t);
BURLY_VECTORS(std::int64_t);
BURLY_VECTORS(std::uint64_t);
BURLY_VECTOR(float, 4);
#undef BURLY_VECTORS
#undef BURLY_VECTOR

// As many T as a register holds.
template <class T>
using Vec = typename VectorOf<T, kVectorBytes>::type;
template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// N values of T, whatever the registers are.
template <class T, int N>
using Pack = typename VectorOf<T, N * static_cast<int>(sizeof(T))>::type;

// The signed integer as wide as T: what comparisons of Vec<T> give.
template <class T>
using IntOf = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class V, class T>
BURLY_INLINE V load(const T* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof(V));
  return v;
}

template <class V, class T>
BURLY_INLINE void store(T* to, V v) {
  __builtin_memcpy(to, &v, sizeof(V));
}

// All lanes equal. (0 - x would turn 0 into -0's sum; adding to a zero vector keeps x but for -0.)
template <class T>
BURLY_INLINE Vec<T> splat(T x) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) return (Vec<T>)_mm512_set1_ps(x);
  else if constexpr (std::is_same_v<T, double>) return (Vec<T>)_mm512_set1_pd(x);
  else if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_set1_epi32(x);
  else return (Vec<T>)_mm512_set1_epi64(x);
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>) return (Vec<T>)_mm256_set1_ps(x);
  else if constexpr (std::is_same_v<T, double>) return (Vec<T>)_mm256_set1_pd(x);
  else if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_set1_epi32(x);
  else return (Vec<T>)_mm256_set1_epi64x(x);
#else
  if constexpr (sizeof(T) == 4) return Vec<T>{x, x, x, x};
  else return Vec<T>{x, x};
#endif
}

// a * b + c, rounded once.
BURLY_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
#error "burly's kernels need fused multiply-add"
#endif
}

BURLY_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#endif
}

BURLY_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
BURLY_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

// c - a * b, rounded once.
BURLY_INLINE Vec<float> fnma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return (Vec<float>)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#endif
}

BURLY_INLINE Vec<double> fnma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_fnmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_fnmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return (Vec<double>)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#endif
}

BURLY_INLINE Vec<float> sqrt(Vec<float> a) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_sqrt_ps((__m256)a);
#else
  return (Vec<float>)vsqrtq_f32((float32x4_t)a);
#endif
}

BURLY_INLINE Vec<double> sqrt(Vec<double> a) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_sqrt_pd((__m512d)a);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_sqrt_pd((__m256d)a);
#else
  return (Vec<double>)vsqrtq_f64((float64x2_t)a);
#endif
}

// Lane by lane: a < b ? a : b, so b where either is not a number; and its mirror.
template <class V>
BURLY_INLINE V lesser(V a, V b) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<V, Vec<float>>) return (V)_mm512_min_ps((__m512)a, (__m512)b);
  else if constexpr (std::is_same_v<V, Vec<double>>) return (V)_mm512_min_pd((__m512d)a, (__m512d)b);
  else return a < b ? a : b;
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<V, Vec<float>>) return (V)_mm256_min_ps((__m256)a, (__m256)b);
  else if constexpr (std::is_same_v<V, Vec<double>>) return (V)_mm256_min_pd((__m256d)a, (__m256d)b);
  else return a < b ? a : b;
#else
  return a < b ? a : b;
#endif
}

template <class V>
BURLY_INLINE V greater(V a, V b) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<V, Vec<float>>) return (V)_mm512_max_ps((__m512)a, (__m512)b);
  else if constexpr (std::is_same_v<V, Vec<double>>) return (V)_mm512_max_pd((__m512d)a, (__m512d)b);
  else return a > b ? a : b;
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<V, Vec<float>>) return (V)_mm256_max_ps((__m256)a, (__m256)b);
  else if constexpr (std::is_same_v<V, Vec<double>>) return (V)_mm256_max_pd((__m256d)a, (__m256d)b);
  else return a > b ? a : b;
#else
  return a > b ? a : b;
#endif
}

// The first n values at from, the others zero; what lies behind them is not touched.
template <class T>
BURLY_INLINE Pack<T, 16 / static_cast<int>(sizeof(T))> load_first(const T* from, int n) {
  using Piece = Pack<T, 16 / static_cast<int>(sizeof(T))>;
#if defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const __m128i there = _mm_cmpgt_epi32(_mm_set1_epi32(n), _mm_setr_epi32(0, 1, 2, 3));
    return (Piece)_mm_maskload_ps(reinterpret_cast<const float*>(from), there);
  }
#endif
  Piece piece{};
  for (int i = 0; i < n; ++i) piece[i] = from[i];
  return piece;
}

// v with its 16 bytes number I replaced.
template <int I, class V, class P>
BURLY_INLINE V with_piece(V v, P piece) {
#if defined(__AVX512F__)
  if constexpr (I == 0) return (V)_mm512_castsi128_si512((__m128i)piece);
  else return (V)_mm512_inserti32x4((__m512i)v, (__m128i)piece, I);
#elif defined(__AVX2__)
  if constexpr (I == 0) return (V)_mm256_castsi128_si256((__m128i)piece);
  else return (V)_mm256_inserti128_si256((__m256i)v, (__m128i)piece, I);
#else
  static_assert(I == 0);
  return (V)piece;
#endif
}

// In each 16 bytes: the lower (the higher) halves of a and b, taken in turns by Bytes.
template <int Bytes, class V>
BURLY_INLINE V pair_low(V a, V b) {
#if defined(__AVX512F__)
  if constexpr (Bytes == 4) return (V)_mm512_unpacklo_epi32((__m512i)a, (__m512i)b);
  else return (V)_mm512_unpacklo_epi64((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  if constexpr (Bytes == 4) return (V)_mm256_unpacklo_epi32((__m256i)a, (__m256i)b);
  else return (V)_mm256_unpacklo_epi64((__m256i)a, (__m256i)b);
#else
  if constexpr (Bytes == 4) return (V)vzip1q_f32((float32x4_t)a, (float32x4_t)b);
  else return (V)vzip1q_f64((float64x2_t)a, (float64x2_t)b);
#endif
}

template <int Bytes, class V>
BURLY_INLINE V pair_high(V a, V b) {
#if defined(__AVX512F__)
  if constexpr (Bytes == 4) return (V)_mm512_unpackhi_epi32((__m512i)a, (__m512i)b);
  else return (V)_mm512_unpackhi_epi64((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  if constexpr (Bytes == 4) return (V)_mm256_unpackhi_epi32((__m256i)a, (__m256i)b);
  else return (V)_mm256_unpackhi_epi64((__m256i)a, (__m256i)b);
#else
  if constexpr (Bytes == 4) return (V)vzip2q_f32((float32x4_t)a, (float32x4_t)b);
  else return (V)vzip2q_f64((float64x2_t)a, (float64x2_t)b);
#endif
}

// One bit for each of the 16 floats at x that is not at least table[which[i]]; set where one is not a number.
BURLY_INLINE std::uint32_t below(const float* x, const std::int32_t* which, const float* table) {
#if defined(__AVX512F__)
  const __m512 least = _mm512_i32gather_ps(_mm512_loadu_si512(which), table, 4);
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(x), least, _CMP_NGE_UQ);
#elif defined(__AVX2__)
  const auto eight = [&](int i) __attribute__((always_inline)) {
    const __m256i from = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(which + i));
    return static_cast<std::uint32_t>(
        _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x + i), _mm256_i32gather_ps(table, from, 4), _CMP_NGE_UQ)));
  };
  return eight(0) | eight(8) << 8;
#else
  std::uint32_t found = 0;
  for (int i = 0; i < 16; ++i) found |= static_cast<std::uint32_t>(!(x[i] >= table[which[i]])) << i;
  return found;
#endif
}

// The same for one value: not one bit, if it is false.
BURLY_INLINE bool any_below(const float* x, float least) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_set1_ps(least), _CMP_NGE_UQ) != 0;
#elif defined(__AVX2__)
  const __m256 all = _mm256_set1_ps(least);
  return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), all, _CMP_NGE_UQ),
                                         _mm256_cmp_ps(_mm256_loadu_ps(x + 8), all, _CMP_NGE_UQ))) != 0;
#else
  bool any = false;
  for (int i = 0; i < 16; ++i) any |= !(x[i] >= least);
  return any;
#endif
}

// f(integral_constant 0) ... f(integral_constant N - 1), unrolled by the language, not by a pragma.
template <int N, class F>
BURLY_INLINE void unrolled(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }(std::make_integer_sequence<int, N>{});
}

}  // namespace burly

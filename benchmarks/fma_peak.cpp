// The rate of fused multiply-adds that one thread of this processor can sustain, in FLOP: twelve independent
// chains in registers, nothing else.
#include <chrono>

#if !defined(BYTES)
#define BYTES 64
#endif

namespace {

template <class T>
double rate(double seconds) {
  typedef T V __attribute__((vector_size(BYTES)));
  constexpr int kChains = 12;
  constexpr long kSteps = 20000;
  using Clock = std::chrono::steady_clock;
  V a[kChains];
  for (int c = 0; c < kChains; ++c) a[c] = V{} + static_cast<T>(c);
  V x = V{} + static_cast<T>(0.999), y = V{} + static_cast<T>(0.001);
  double best = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    const auto begun = Clock::now();
    for (long i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
      for (int c = 0; c < kChains; ++c) a[c] = a[c] * x + y;
      asm volatile("" : "+v"(x), "+v"(y));
    }
    const double took = std::chrono::duration<double>(Clock::now() - begun).count();
    const double flop = 2.0 * kSteps * kChains * BYTES / sizeof(T);
    if (flop / took > best) best = flop / took;
    for (int c = 0; c < kChains; ++c) asm volatile("" : "+v"(a[c]));
  }
  return best;
}

}  // namespace

extern "C" double fma_rate_f32(double seconds) { return rate<float>(seconds); }
extern "C" double fma_rate_f64(double seconds) { return rate<double>(seconds); }

// What this processor can do; compiled for the least of its family, so that asking never harms.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstdint>
#include <string>
#include <vector>

namespace nb = nanobind;

#if defined(__x86_64__)
namespace {

// Asked of the processor itself: __builtin_cpu_supports needs a table that not every compiler's runtime fills
// (that of ziglang leaves it empty). Bits are named as in Intel's manual, volume 2, CPUID.
struct Processor {
  std::uint32_t leaf1_ecx = 0, leaf7_ebx = 0, xcr0 = 0;

  Processor() {
    std::uint32_t a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d)) leaf1_ecx = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) leaf7_ebx = b;
    // Which registers the operating system saves; only where it says that it may be asked.
    if (leaf1_ecx & (1u << 27)) __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(d) : "c"(0));
  }

  static bool all(std::uint32_t word, std::uint32_t bits) { return (word & bits) == bits; }

  // x86-64-v3: FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; and the halves of the registers up to 256 bits.
  bool v3() const {
    return all(leaf1_ecx, 1u << 12 | 1u << 22 | 1u << 28 | 1u << 29) &&
           all(leaf7_ebx, 1u << 3 | 1u << 5 | 1u << 8) && all(xcr0, 0x06);
  }

  // x86-64-v4: AVX-512 F, DQ, CD, BW, VL; and masks and all of the 512-bit registers.
  bool v4() const {
    return v3() && all(leaf7_ebx, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31) && all(xcr0, 0xe6);
  }
};

}  // namespace
#endif

// Names of the kernel modules that can run here, best first.
static std::vector<std::string> runnable() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  const Processor processor;
  if (processor.v4()) names.push_back("avx512");
  if (processor.v3()) names.push_back("avx2");
#elif defined(__aarch64__)
  names.push_back("neon");
#endif
  return names;
}

NB_MODULE(_cpu, m) {
  m.doc() = "which kernels this processor can run";
  m.def("runnable", &runnable);
}

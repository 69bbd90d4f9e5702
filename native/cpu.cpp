// What this processor can do; compiled for the least of its family, so that asking never harms.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

namespace nb = nanobind;

// Names of the kernel modules that can run here, best first.
static std::vector<std::string> runnable() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4) names.push_back("avx512");
  if (v3) names.push_back("avx2");
#elif defined(__aarch64__)
  names.push_back("neon");
#endif
  return names;
}

NB_MODULE(_cpu, m) {
  m.doc() = "which kernels this processor can run";
  m.def("runnable", &runnable);
}

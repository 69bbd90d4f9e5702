// The Python face of the kernels: one module a vector width, the same names in each.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(BURLY_MODULE, m) {
  m.doc() = "burly's kernels for one vector width";
}

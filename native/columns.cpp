// Columns, as files hold them, into rows, as kernels want them; compiled for the least of its family, since
// memory is what it waits for.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace nb = nanobind;

namespace {

template <class T>
using Rows = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class S>
using Column = nb::ndarray<const S, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// So many rows of an ordinary table stay in the first cache while their columns arrive one by one.
constexpr std::size_t kRows = 64;

template <class T, class S>
bool overflows(T stored, S given) {
  if constexpr (std::is_same_v<T, float> && std::is_same_v<S, double>)
    return std::isinf(stored) && !std::isinf(given);
  else
    return false;
}

// Returns the position of a column that holds a number too large for T, or -1.
template <class T, class S>
std::ptrdiff_t fill(Rows<T> rows, const std::vector<Column<S>>& columns, const std::vector<std::size_t>& places) {
  const std::size_t n = rows.shape(0), d = rows.shape(1);
  if (columns.size() != places.size()) throw std::invalid_argument("every column has one place");
  std::vector<const S*> from;
  for (std::size_t j = 0; j < columns.size(); ++j) {
    if (columns[j].shape(0) != n || places[j] >= d) throw std::invalid_argument("a column does not fit the rows");
    from.push_back(columns[j].data());
  }
  T* const out = rows.data();
  nb::gil_scoped_release released;
  std::ptrdiff_t too_large = -1;
  for (std::size_t begin = 0; begin < n; begin += kRows) {
    const std::size_t m = std::min(kRows, n - begin);
    for (std::size_t j = 0; j < from.size(); ++j) {
      const S* in = from[j] + begin;
      T* to = out + begin * d + places[j];
      bool over = false;
      for (std::size_t i = 0; i < m; ++i) {
        const T value = static_cast<T>(in[i]);
        over |= overflows(value, in[i]);
        to[i * d] = value;
      }
      if (over) too_large = static_cast<std::ptrdiff_t>(j);
    }
  }
  return too_large;
}

template <class T, class S>
void define(nb::module_& m) {
  m.def("fill", &fill<T, S>, nb::arg("rows").noconvert(), nb::arg("columns").noconvert(), nb::arg("places"));
}

template <class T>
void define_all(nb::module_& m) {
  define<T, float>(m);
  define<T, double>(m);
  define<T, std::int32_t>(m);
  define<T, std::int64_t>(m);
}

}  // namespace

NB_MODULE(_columns, m) {
  m.doc() = "columns into rows";
  define_all<float>(m);
  define_all<double>(m);
}

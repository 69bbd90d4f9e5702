// Columns, as files hold them, into rows, as kernels want them; compiled for the least of its family, since
// memory is what it waits for.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

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

// Columns arrive one after another, each front to back. Until all are there, so many rows at a time lie column by
// column in their own place, so that nothing is written in strides across all rows and no second copy is held.
constexpr std::size_t kTileBytes = std::size_t{128} << 10;
constexpr std::size_t kBlock = 16;

template <class T>
std::size_t tile_rows(std::size_t d) {
  const std::size_t fit = kTileBytes / (d * sizeof(T));
  return std::max(kBlock, fit / kBlock * kBlock);
}

template <class T, class S>
bool overflows(T stored, S given) {
  if constexpr (std::is_same_v<T, float> && std::is_same_v<S, double>)
    return std::isinf(stored) && !std::isinf(given);
  else
    return false;
}

// Puts some values of a column, from a row on, where `into_rows` will find them; returns whether one of them is
// too large for T.
template <class T, class S>
bool put(Rows<T> rows, std::size_t column, std::size_t first, Column<S> values) {
  const std::size_t n = rows.shape(0), d = rows.shape(1), n_values = values.shape(0);
  if (column >= d || first > n || n_values > n - first) throw std::invalid_argument("values do not fit the rows");
  const std::size_t most = tile_rows<T>(d), end = first + n_values;
  const S* in = values.data();
  T* const out = rows.data();
  nb::gil_scoped_release released;
  bool too_large = false;
  for (std::size_t row = first; row < end;) {
    const std::size_t begin = row / most * most, tile = std::min(most, n - begin);
    const std::size_t m = std::min(begin + tile, end) - row;
    T* const to = out + begin * d + column * tile + (row - begin);
    bool over = false;
    for (std::size_t i = 0; i < m; ++i) {
      const T value = static_cast<T>(in[i]);
      over |= overflows(value, in[i]);
      to[i] = value;
    }
    too_large |= over;
    in += m;
    row += m;
  }
  return too_large;
}

// Turns rows of T that `put` has filled into rows; part of n_parts, which share the work.
template <class T>
void into_rows(Rows<T> rows, std::size_t part, std::size_t n_parts) {
  const std::size_t n = rows.shape(0), d = rows.shape(1), most = tile_rows<T>(d);
  if (part >= n_parts) throw std::invalid_argument("there is no such part");
  T* const data = rows.data();
  nb::gil_scoped_release released;
  const std::size_t pitch = most + kBlock;  // a power of two would map all columns to few places in the cache
  std::vector<T> held(d * pitch);
  for (std::size_t begin = part * most; begin < n; begin += n_parts * most) {
    const std::size_t tile = std::min(most, n - begin);
    T* const out = data + begin * d;
    for (std::size_t j = 0; j < d; ++j) std::copy_n(out + j * tile, tile, held.data() + j * pitch);
    for (std::size_t i = 0; i < tile; i += kBlock)
      for (std::size_t j = 0; j < d; j += kBlock) {
        const std::size_t i_end = std::min(i + kBlock, tile), j_end = std::min(j + kBlock, d);
        for (std::size_t r = i; r < i_end; ++r)
          for (std::size_t c = j; c < j_end; ++c) out[r * d + c] = held[c * pitch + r];
      }
  }
}

template <class T, class S>
void define(nb::module_& m) {
  m.def("put", &put<T, S>, nb::arg("rows").noconvert(), nb::arg("column"), nb::arg("first"),
        nb::arg("values").noconvert());
}

template <class T>
void define_all(nb::module_& m) {
  m.def("into_rows", &into_rows<T>, nb::arg("rows").noconvert(), nb::arg("part"), nb::arg("n_parts"));
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

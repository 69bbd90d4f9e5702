#include "rows.h"

#include <nanobind/stl/optional.h>

#include <optional>
#include <stdexcept>

#include "bind.h"

namespace burly {
namespace {

template <class T>
void register_type(nb::module_& m, const char* name) {
  nb::class_<Rows<T>>(m, name, "Rows of a partition, borrowed: the caller keeps the arrays alive.")
      .def(nb::init<int, bool>(), nb::arg("n_features"), nb::arg("weighted"))
      .def(
          "add_shard",
          [](Rows<T>& rows, In2<T> x, std::optional<In1<double>> weights) {
            if (static_cast<int>(x.shape(1)) != rows.d()) throw std::invalid_argument("a shard has another width");
            if (weights.has_value() != rows.weighted()) throw std::invalid_argument("weights for all shards or none");
            if (weights && weights->shape(0) != x.shape(0)) throw std::invalid_argument("one weight a row");
            rows.add_shard(x.data(), weights ? weights->data() : nullptr, static_cast<std::int64_t>(x.shape(0)));
          },
          nb::arg("x"), nb::arg("weights").none())
      .def_prop_ro("n_rows", &Rows<T>::n)
      .def_prop_ro("n_features", &Rows<T>::d);
}

}  // namespace

void register_rows(nb::module_& m) {
  register_type<float>(m, "RowsF32");
  register_type<double>(m, "RowsF64");
}

}  // namespace burly

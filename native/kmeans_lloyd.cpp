#include "kmeans_lloyd.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <optional>
#include <stdexcept>
#include <tuple>

#include "bind.h"

namespace burly {
namespace {

void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

template <class T>
auto step(Lloyd<T>& lloyd, Team& team, In2<T> centres, In1<T> shift, bool fresh, In2<double> quanta,
          std::optional<In1<double>> weight_quanta, std::optional<In2<double>> square_quanta, Out3<std::int64_t> sums,
          Out1<std::int64_t> counts, std::optional<Out2<std::int64_t>> weight_sums,
          std::optional<Out2<double>> magnitudes, std::optional<Out2<std::int64_t>> squares) {
  const auto k = static_cast<std::size_t>(lloyd.k()), d = static_cast<std::size_t>(lloyd.d());
  expect(centres.shape(0) == k && centres.shape(1) == d && shift.shape(0) == d, "centers is (k, d), shift (d,)");
  expect(quanta.shape(1) == d && (quanta.shape(0) == 1 || quanta.shape(0) == 2), "quanta is (1 or 2, d)");
  expect(sums.shape(0) == quanta.shape(0) && sums.shape(1) == k && sums.shape(2) == d, "sums is (levels, k, d)");
  expect(counts.shape(0) == k, "counts is (k,)");
  expect(weight_quanta.has_value() == lloyd.weighted() && weight_sums.has_value() == lloyd.weighted(),
         "weights' quanta and sums belong to weighted rows");
  expect(!weight_quanta || (weight_quanta->shape(0) == 2 && weight_sums->shape(0) == 2 && weight_sums->shape(1) == k),
         "weight quanta are (2,), weight sums (2, k)");
  expect(square_quanta.has_value() == magnitudes.has_value() && squares.has_value() == magnitudes.has_value(),
         "magnitudes and squares are measured together");
  const auto is_2_by_d = [d](const auto& array) { return array->shape(0) == 2 && array->shape(1) == d; };
  expect(!magnitudes || (is_2_by_d(magnitudes) && is_2_by_d(squares) && is_2_by_d(square_quanta)),
         "magnitudes, squares and their quanta are (2, d)");
  const Grids grids{static_cast<int>(quanta.shape(0)), quanta.data(), weight_quanta ? weight_quanta->data() : nullptr,
                    square_quanta ? square_quanta->data() : nullptr};
  Totals out{sums.data(), counts.data(), weight_sums ? weight_sums->data() : nullptr,
             magnitudes ? magnitudes->data() : nullptr, squares ? squares->data() : nullptr};
  {
    nb::gil_scoped_release released;
    lloyd.step(team, centres.data(), shift.data(), grids, fresh, out);
  }
  return std::make_tuple(out.moved, out.evaluated, out.finite);
}

template <class T>
void register_type(nb::module_& m, const char* name) {
  nb::class_<Lloyd<T>>(m, name, "What Lloyd's iteration keeps between rounds.")
      .def(nb::init<const Rows<T>&, int, int, bool>(), nb::arg("rows"), nb::arg("n_clusters"), nb::arg("n_threads"),
           nb::arg("dense"), nb::keep_alive<1, 2>())
      .def("step", &step<T>, nb::arg("team"), nb::arg("centers"), nb::arg("shift"), nb::arg("fresh"),
           nb::arg("quanta"), nb::arg("weight_quanta").none(), nb::arg("square_quanta").none(), nb::arg("sums"),
           nb::arg("counts"), nb::arg("weight_sums").none(), nb::arg("magnitudes").none(), nb::arg("squares").none())
      .def("take_labels",
           [](Lloyd<T>& lloyd) {
             auto* kept = new Buffer<std::int32_t>(lloyd.take_labels());
             nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<Buffer<std::int32_t>*>(p); });
             return nb::ndarray<std::int32_t, nb::numpy, nb::ndim<1>>(kept->data(), {kept->size()}, owner);
           })
      .def(
          "labels",
          [](Lloyd<T>& lloyd) {
            return nb::ndarray<const std::int32_t, nb::numpy, nb::ndim<1>>(
                lloyd.labels(), {static_cast<std::size_t>(lloyd.n())}, nb::find(lloyd));
          });
}

}  // namespace

void register_kmeans_lloyd(nb::module_& m) {
  register_type<float>(m, "LloydF32");
  register_type<double>(m, "LloydF64");
}

}  // namespace burly

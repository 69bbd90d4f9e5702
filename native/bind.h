// What every file that registers kernels needs.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace burly {

// C-contiguous arrays in memory; IN arguments are const.
template <class T>
using In1 = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using In2 = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out1 = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out2 = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out3 = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

void register_team(nb::module_& m);
void register_rows(nb::module_& m);
void register_linear_algebra(nb::module_& m);
void register_elementary(nb::module_& m);
void register_logistic(nb::module_& m);
void register_kmeans_lloyd(nb::module_& m);
void register_kmeans_assign(nb::module_& m);
void register_kmeans_seed(nb::module_& m);

}  // namespace burly

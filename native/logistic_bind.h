// How Python calls the kernels of logistic regression: the same methods for dense and sparse rows.
#pragma once

#include <nanobind/stl/optional.h>

#include "logistic_moments.h"
#include "logistic_problem.h"

namespace burly::logistic {

template <class A>
auto pointer(const std::optional<A>& array, std::size_t size) -> decltype(array->data()) {
  if (!array) return nullptr;
  if (array->size() != size) throw std::invalid_argument("an array has another size than the call needs");
  return array->data();
}

template <class A>
auto pointer(const A& array, std::size_t size) -> decltype(array.data()) {
  if (array.size() != size) throw std::invalid_argument("an array has another size than the call needs");
  return array.data();
}

using In = In1<double>;
using Out = Out1<std::int64_t>;
using MaybeIn = std::optional<In>;
using MaybeOut = std::optional<Out>;

// Rows is Dense or Sparse: it has `problem` and evaluate(team, threshold, request).
template <class Rows, class Class>
void bind_problem(Class& cls) {
  cls.def("set_codes", [](Rows& self, int shard, In1<std::int32_t> codes) { self.problem.set_codes(shard, codes.data()); },
          nb::arg("shard"), nb::arg("codes"));
  cls.def(
      "set_classes",
      [](Rows& self, int n, MaybeIn class_weight) { self.problem.set_classes(n, pointer(class_weight, n)); },
      nb::arg("n_classes"), nb::arg("class_weight").none());
  cls.def_prop_ro("n_outputs", [](const Rows& self) { return self.problem.outputs(); });
  cls.def_prop_ro("weighted", [](const Rows& self) { return self.problem.weighted(); });
  cls.def(
      "evaluate",
      [](Rows& self, Team& team, std::uint64_t threshold, In coef, In inverse, double inverse_loss,
         double inverse_weight, double limit, MaybeIn shift, MaybeIn scale, MaybeIn factors, bool coupled, int keep,
         Out loss, MaybeOut gradient, MaybeOut curvature, MaybeOut margin, MaybeOut hessian, Out count, Out weight,
         Out nonfinite, Out exceeded) {
        const auto& problem = self.problem;
        const std::size_t d = problem.d, k = problem.outputs(), size = k * (d + 1);
        const std::size_t pairs = coupled ? k * (k + 1) / 2 : k;
        Request ask{};
        ask.coef = pointer(coef, size);
        ask.inverse = pointer(inverse, d + 1);
        ask.inverse_loss = inverse_loss;
        ask.inverse_weight = inverse_weight;
        ask.limit = {limit};
        ask.shift = pointer(shift, d);
        ask.scale = pointer(scale, d);
        ask.factors = pointer(factors, d + 1);
        ask.coupled = coupled;
        ask.keep = keep;
        ask.loss = pointer(loss, 1);
        ask.gradient = pointer(gradient, size);
        ask.curvature = pointer(curvature, size);
        ask.margin = pointer(margin, size);
        ask.hessian = pointer(hessian, pairs * ((d + 1) * (d + 2) / 2));
        ask.count = pointer(count, problem.n_classes);
        ask.weight = pointer(weight, problem.n_classes);
        ask.nonfinite = pointer(nonfinite, 1);
        ask.exceeded = pointer(exceeded, 1);
        nb::gil_scoped_release release;
        self.evaluate(team, threshold, ask);
      },
      nb::arg("team"), nb::arg("threshold"), nb::arg("coef"), nb::arg("inverse"), nb::arg("inverse_loss"),
      nb::arg("inverse_weight"), nb::arg("limit"), nb::arg("shift").none(), nb::arg("scale").none(),
      nb::arg("factors").none(), nb::arg("coupled"), nb::arg("keep"), nb::arg("loss"), nb::arg("gradient").none(),
      nb::arg("curvature").none(), nb::arg("margin").none(), nb::arg("hessian").none(), nb::arg("count"),
      nb::arg("weight"), nb::arg("nonfinite"), nb::arg("exceeded"));
  cls.def(
      "trial",
      [](Rows& self, Team& team, std::uint64_t threshold, int origin, int target, In steps, double inverse_loss,
         double inverse_slope, double limit, Out loss, Out slope, Out exceeded) {
        const std::size_t n = steps.size();
        TrialRequest ask{origin,  target,  steps.data(), static_cast<int>(n), inverse_loss, inverse_slope,
                         {limit}, pointer(loss, n), pointer(slope, n), pointer(exceeded, 1)};
        nb::gil_scoped_release release;
        trial(self.problem, team, threshold, ask);
      },
      nb::arg("team"), nb::arg("threshold"), nb::arg("origin"), nb::arg("target"), nb::arg("steps"),
      nb::arg("inverse_loss"), nb::arg("inverse_slope"), nb::arg("limit"), nb::arg("loss"), nb::arg("slope"),
      nb::arg("exceeded"));
  cls.def(
      "moments",
      [](Rows& self, Team& team, std::uint64_t threshold, In shift, In inverse, In inverse_squares,
         double inverse_weight, double limit, Out sums, Out squares, Out nonzeros, Out weight, Out count,
         Out exceeded) {
        const std::size_t d = self.problem.d;
        MomentsRequest ask{pointer(shift, d), pointer(inverse, d),  pointer(inverse_squares, d), inverse_weight,
                           {limit},           pointer(sums, d),     pointer(squares, d),         pointer(nonzeros, d),
                           pointer(weight, 1), pointer(count, 1),   pointer(exceeded, 1)};
        nb::gil_scoped_release release;
        self.moments(team, threshold, ask);
      },
      nb::arg("team"), nb::arg("threshold"), nb::arg("shift"), nb::arg("inverse"), nb::arg("inverse_squares"),
      nb::arg("inverse_weight"), nb::arg("limit"), nb::arg("sums"), nb::arg("squares"), nb::arg("nonzeros"),
      nb::arg("weight"), nb::arg("count"), nb::arg("exceeded"));
  cls.def(
      "column_bounds",
      [](Rows& self, Team& team, std::uint64_t threshold, Out1<double> most, Out nonfinite) {
        double* to = pointer(most, self.problem.d);
        std::int64_t* bad = pointer(nonfinite, self.problem.d);
        nb::gil_scoped_release release;
        self.column_bounds(team, threshold, to, bad);
      },
      nb::arg("team"), nb::arg("threshold"), nb::arg("most"), nb::arg("nonfinite"));
  cls.def("weight_bound", [](Rows& self) { return self.problem.weight_bound(); });
}

}  // namespace burly::logistic

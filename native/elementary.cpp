// The elementary functions as seen from Python: for tests, and for the few numbers that update needs.
#include "elementary.h"

#include "bind.h"

namespace burly {
namespace {

template <class F>
void apply(const double* x, double* y, std::int64_t n, F f) {
  constexpr int lanes = kLanes<double>;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load<Vec<double>>(x + i)));
  if (i == n) return;
  double rest[lanes];
  for (int l = 0; l < lanes; ++l) rest[l] = x[std::min(i + l, n - 1)];
  store(rest, f(load<Vec<double>>(rest)));
  for (int l = 0; i + l < n; ++l) y[i + l] = rest[l];
}

template <class F>
auto elementwise(F f) {
  return [f](In1<double> x, Out1<double> y) {
    if (x.shape(0) != y.shape(0)) throw std::invalid_argument("as many results as arguments");
    nb::gil_scoped_release release;
    apply(x.data(), y.data(), static_cast<std::int64_t>(x.shape(0)), f);
  };
}

}  // namespace

void register_elementary(nb::module_& m) {
  m.def("exp", elementwise([](Vec<double> x) { return exp(x); }), nb::arg("x"), nb::arg("y"));
  m.def("log", elementwise([](Vec<double> x) { return log(x); }), nb::arg("x"), nb::arg("y"));
  m.def("log1p", elementwise([](Vec<double> x) { return log1p(x); }), nb::arg("x"), nb::arg("y"));
}

}  // namespace burly

// Margins and probabilities of rows.
#include <atomic>
#include <cmath>

#include "logistic_margins.h"
#include "logistic_rows.h"
#include "bind.h"
#include "team.h"

namespace burly::logistic {
namespace {

// Calls f(first row, rows) for all rows, a block at a time, over the team.
template <class F>
void over_rows(Team& team, std::int64_t n, F&& f) {
  std::atomic<std::int64_t> next{0};
  team.run([&](int) {
    for (std::int64_t i; (i = next.fetch_add(kBlockRows, std::memory_order_relaxed)) < n;)
      f(i, static_cast<int>(std::min<std::int64_t>(kBlockRows, n - i)));
  });
}

template <class T>
void dense_margins(Team& team, In2<T> x, In2<double> coef, Out2<double> out) {
  const std::int64_t n = static_cast<std::int64_t>(x.shape(0));
  const int d = static_cast<int>(x.shape(1)), outputs = static_cast<int>(coef.shape(0));
  if (static_cast<int>(coef.shape(1)) != d + 1 || static_cast<std::int64_t>(out.shape(0)) != n ||
      static_cast<int>(out.shape(1)) != outputs)
    throw std::invalid_argument("rows, coefficients and margins do not fit together");
  const int stride = padded<T>(d);
  std::vector<T> w(static_cast<std::size_t>(outputs) * stride, T{0});
  for (int k = 0; k < outputs; ++k)
    for (int j = 0; j < d; ++j) w[static_cast<std::size_t>(k) * stride + j] = static_cast<T>(coef.data()[k * std::size_t(d + 1) + j]);
  nb::gil_scoped_release release;
  over_rows(team, n, [&](std::int64_t first, int rows) {
    T z[kBlockRows];
    Ahead ahead;
    for (int k = 0; k < outputs; ++k) {
      row_margins(x.data() + first * d, rows, d, w.data() + static_cast<std::size_t>(k) * stride,
                  static_cast<T>(coef.data()[k * std::size_t(d + 1) + d]), z, ahead);
      for (int i = 0; i < rows; ++i) out.data()[(first + i) * outputs + k] = z[i];
    }
  });
}

double exp_of(double x) {
  double v[kLanes<double>];
  store(v, exp(splat(x)));
  return v[0];
}

double log1p_of(double x) {
  double v[kLanes<double>];
  store(v, log1p(splat(x)));
  return v[0];
}

// One row. IN: z[outputs]. OUT: p[classes].
void softmax(const double* z, int outputs, bool logarithms, double* p) {
  if (outputs == 1) {
    const double e = exp_of(-std::fabs(z[0]));
    const int likely = z[0] >= 0 ? 1 : 0;
    if (logarithms) {
      p[likely] = -log1p_of(e);
      p[1 - likely] = -std::fabs(z[0]) + p[likely];
    } else {
      p[likely] = 1.0 / (1.0 + e);
      p[1 - likely] = e / (1.0 + e);
    }
    return;
  }
  const double most = *std::max_element(z, z + outputs);
  double total = 0;
  for (int k = 0; k < outputs; ++k) total += p[k] = exp_of(z[k] - most);
  const double log_total = logarithms ? log_of(total) : 0;
  for (int k = 0; k < outputs; ++k) p[k] = logarithms ? z[k] - most - log_total : p[k] / total;
}

}  // namespace

void register_predict(nb::module_& m) {
  m.def("logistic_margins_denseF32", &dense_margins<float>, nb::arg("team"), nb::arg("x"), nb::arg("coef"), nb::arg("margins"));
  m.def("logistic_margins_denseF64", &dense_margins<double>, nb::arg("team"), nb::arg("x"), nb::arg("coef"), nb::arg("margins"));
  m.def(
      "logistic_softmax",
      [](Team& team, In2<double> margins, bool logarithms, Out2<double> out) {
        const std::int64_t n = static_cast<std::int64_t>(margins.shape(0));
        const int outputs = static_cast<int>(margins.shape(1)), classes = outputs == 1 ? 2 : outputs;
        if (static_cast<std::int64_t>(out.shape(0)) != n || static_cast<int>(out.shape(1)) != classes)
          throw std::invalid_argument("margins and probabilities do not fit together");
        nb::gil_scoped_release release;
        over_rows(team, n, [&](std::int64_t first, int rows) {
          for (std::int64_t i = first; i < first + rows; ++i)
            softmax(margins.data() + i * outputs, outputs, logarithms, out.data() + i * classes);
        });
      },
      nb::arg("team"), nb::arg("margins"), nb::arg("logarithms"), nb::arg("probabilities"));
}

}  // namespace burly::logistic

// Margins and probabilities of rows.
#include <atomic>
#include <cmath>

#include "logistic_margins.h"
#include "logistic_rows.h"
#include "bind.h"
#include "memory.h"
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

// Summed in double, whatever the rows are.
template <class T>
void dense_margins(Team& team, In2<T> x, In2<double> coef, Out2<double> out) {
  const std::int64_t n = static_cast<std::int64_t>(x.shape(0));
  const int d = static_cast<int>(x.shape(1)), outputs = static_cast<int>(coef.shape(0));
  if (static_cast<int>(coef.shape(1)) != d + 1 || static_cast<std::int64_t>(out.shape(0)) != n ||
      static_cast<int>(out.shape(1)) != outputs)
    throw std::invalid_argument("rows, coefficients and margins do not fit together");
  const int stride = padded<double>(d);
  Lines<double> w(static_cast<std::size_t>(outputs) * stride, 0.0);
  for (int k = 0; k < outputs; ++k)
    std::copy_n(coef.data() + k * std::size_t(d + 1), d, w.data() + static_cast<std::size_t>(k) * stride);
  nb::gil_scoped_release release;
  over_rows(team, n, [&](std::int64_t first, int rows) {
    alignas(64) double z[kBlockRows];
    Ahead ahead;
    for (int k = 0; k < outputs; ++k) {
      row_margins(x.data() + first * d, rows, d, w.data() + static_cast<std::size_t>(k) * stride,
                  coef.data()[k * std::size_t(d + 1) + d], z, ahead);
      for (int i = 0; i < rows; ++i) out.data()[(first + i) * outputs + k] = z[i];
    }
  });
}

// Two classes, from the margin of the second. IN: z[n], n at most kBlockRows. OUT: p[n][2].
void two_classes(const double* z, int n, bool logarithms, double* p) {
  constexpr int lanes = kLanes<double>;
  const Vec<double> one = splat(1.0);
  double margins[kBlockRows] = {}, likely[kBlockRows], other[kBlockRows];
  std::copy(z, z + n, margins);
  for (int i = 0; i < n; i += lanes) {
    const Vec<double> least = minus_abs(load<Vec<double>>(margins + i));
    const Vec<double> e = exp(least);
    const Vec<double> high = logarithms ? -log1p(e) : one / (one + e);
    store(likely + i, high);
    store(other + i, logarithms ? least + high : e / (one + e));
  }
  for (int i = 0; i < n; ++i) {
    p[2 * i] = z[i] > 0 ? other[i] : likely[i];
    p[2 * i + 1] = z[i] > 0 ? likely[i] : other[i];
  }
}

// One row of several classes. IN: z[n]. OUT: p[n]. Room: e[n, up to a multiple of the lanes].
void several_classes(const double* z, int n, bool logarithms, double* e, double* p) {
  constexpr int lanes = kLanes<double>;
  const double most = *std::max_element(z, z + n);
  for (int k = 0; k < n; ++k) e[k] = z[k] - most;
  for (int k = 0; k < n; k += lanes) store(e + k, exp(load<Vec<double>>(e + k)));
  double total = 0;
  for (int k = 0; k < n; ++k) total += e[k];
  const double log_total = logarithms ? log_of(total) : 0;
  for (int k = 0; k < n; ++k) p[k] = logarithms ? z[k] - most - log_total : e[k] / total;
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
          if (outputs == 1) return two_classes(margins.data() + first, rows, logarithms, out.data() + first * 2);
          std::vector<double> room(padded<double>(outputs));
          for (std::int64_t i = first; i < first + rows; ++i)
            several_classes(margins.data() + i * outputs, outputs, logarithms, room.data(), out.data() + i * outputs);
        });
      },
      nb::arg("team"), nb::arg("margins"), nb::arg("logarithms"), nb::arg("probabilities"));
}

}  // namespace burly::logistic

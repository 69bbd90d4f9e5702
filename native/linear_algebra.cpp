#include "linear_algebra.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "bind.h"
#include "elementary.h"

namespace burly {
namespace {

constexpr int kSumLanes = 16;
constexpr std::int64_t kPivots = 8;  // pivots that one visit of the trailing matrix takes off
constexpr std::int64_t kRows = 4;    // rows of it that share the loads of the pivots' rows

// rows of a, from column `from`, lose the products of kPivots rows above them, in order.
void take_off(double* a, std::int64_t n, std::int64_t first, std::int64_t row, std::int64_t rows) {
  const double* pivots = a + first * n;
  for (std::int64_t r = row; r < row + rows; r += kRows) {
    const std::int64_t some = std::min(kRows, row + rows - r);
    double factors[kRows][kPivots] = {};
    for (std::int64_t i = 0; i < some; ++i)
      for (std::int64_t k = 0; k < kPivots; ++k) factors[i][k] = -pivots[k * n + r + i];
    std::int64_t j = r;
    if (some == kRows) {
      double* out = a + r * n;
      for (; j + kLanes<double> <= n; j += kLanes<double>) {
        Vec<double> t[kRows];
        for (int i = 0; i < kRows; ++i) t[i] = load<Vec<double>>(out + i * n + j);
        for (int k = 0; k < kPivots; ++k) {
          const Vec<double> v = load<Vec<double>>(pivots + k * n + j);
          for (int i = 0; i < kRows; ++i) t[i] = fma(splat(factors[i][k]), v, t[i]);
        }
        for (int i = 0; i < kRows; ++i) store(out + i * n + j, t[i]);
      }
    }
    for (std::int64_t i = 0; i < some; ++i) {
      double* out = a + (r + i) * n;
      for (std::int64_t c = j; c < n; ++c) {
        double t = out[c];
        for (std::int64_t k = 0; k < kPivots; ++k) t = std::fma(factors[i][k], pivots[k * n + c], t);
        out[c] = t;
      }
    }
  }
}

// The share of the objective that moving x[j] is worth; 0 if it stays.
double descend(const double* b, double l1, std::int64_t n, std::int64_t j, double* slope, double* x) {
  const double* row = b + j * n;
  const double curvature = row[j];
  if (!(curvature > 0)) return 0;
  const double aim = x[j] - slope[j] / curvature;
  const double threshold = l1 / curvature;
  const double target = aim > threshold ? aim - threshold : aim < -threshold ? aim + threshold : 0.0;
  const double change = target - x[j];
  if (change == 0) return 0;
  x[j] = target;
  axpy(change, row, slope, n);
  return curvature * change * change;
}

}  // namespace

double dot(const double* a, const double* b, std::int64_t n) {
  double lanes[kSumLanes] = {};
  std::int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes)
    for (int l = 0; l < kSumLanes; ++l) lanes[l] = std::fma(a[i + l], b[i + l], lanes[l]);
  for (int l = 0; i + l < n; ++l) lanes[l] = std::fma(a[i + l], b[i + l], lanes[l]);
  for (int half = kSumLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

void axpy(double alpha, const double* x, double* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = std::fma(alpha, x[i], y[i]);
}

std::int64_t cholesky(double* a, std::int64_t n, double tiny) {
  std::vector<double> diagonal(n);
  for (std::int64_t i = 0; i < n; ++i) diagonal[i] = a[i * n + i];
  std::int64_t replaced = 0;
  for (std::int64_t first = 0; first < n; first += kPivots) {
    const std::int64_t last = std::min(first + kPivots, n);
    for (std::int64_t k = first; k < last; ++k) {
      double* row = a + k * n;
      if (!(row[k] > tiny * diagonal[k])) {
        ++replaced;
        row[k] = diagonal[k] > 0 ? diagonal[k] : 1.0;
        std::fill(row + k + 1, row + n, 0.0);
      }
      row[k] = std::sqrt(row[k]);
      for (std::int64_t j = k + 1; j < n; ++j) row[j] /= row[k];
      for (std::int64_t i = k + 1; i < last; ++i) axpy(-row[i], row + i, a + i * n + i, n - i);
    }
    if (last < n) take_off(a, n, first, last, n - last);
  }
  return replaced;
}

void cholesky_solve(const double* u, std::int64_t n, double* b) {
  for (std::int64_t k = 0; k < n; ++k) {
    b[k] /= u[k * n + k];
    axpy(-b[k], u + k * n + k + 1, b + k + 1, n - k - 1);
  }
  for (std::int64_t k = n - 1; k >= 0; --k)
    b[k] = (b[k] - dot(u + k * n + k + 1, b + k + 1, n - k - 1)) / u[k * n + k];
}

std::int64_t coordinate_descent(const double* b, const double* l1, std::int64_t n, double enough,
                                std::int64_t max_sweeps, double* slope, double* x) {
  bool all = true;
  for (std::int64_t sweep = 1; sweep <= max_sweeps; ++sweep) {
    double most = 0;
    for (std::int64_t j = 0; j < n; ++j)
      if (all || x[j] != 0) most = std::max(most, descend(b, l1[j], n, j, slope, x));
    if (most > enough) {
      all = false;
    } else if (all) {
      return sweep;
    } else {
      all = true;
    }
  }
  return max_sweeps;
}

void register_linear_algebra(nb::module_& m) {
  m.def(
      "dot",
      [](In1<double> a, In1<double> b) {
        if (a.shape(0) != b.shape(0)) throw std::invalid_argument("vectors of different lengths");
        return dot(a.data(), b.data(), static_cast<std::int64_t>(a.shape(0)));
      },
      nb::arg("a"), nb::arg("b"));
  m.def(
      "cholesky",
      [](Out2<double> a, double tiny) {
        if (a.shape(0) != a.shape(1)) throw std::invalid_argument("the matrix is not square");
        const nb::gil_scoped_release released;
        return cholesky(a.data(), static_cast<std::int64_t>(a.shape(0)), tiny);
      },
      nb::arg("a"), nb::arg("tiny"));
  m.def(
      "cholesky_solve",
      [](In2<double> u, Out1<double> b) {
        if (u.shape(0) != u.shape(1) || b.shape(0) != u.shape(0)) throw std::invalid_argument("shapes do not fit");
        cholesky_solve(u.data(), static_cast<std::int64_t>(u.shape(0)), b.data());
      },
      nb::arg("u"), nb::arg("b"));
  m.def(
      "coordinate_descent",
      [](In2<double> b, In1<double> l1, double enough, std::int64_t max_sweeps, Out1<double> slope, Out1<double> x) {
        const auto n = b.shape(0);
        if (b.shape(1) != n || l1.shape(0) != n || slope.shape(0) != n || x.shape(0) != n)
          throw std::invalid_argument("shapes do not fit");
        const nb::gil_scoped_release released;
        return coordinate_descent(b.data(), l1.data(), static_cast<std::int64_t>(n), enough, max_sweeps,
                                  slope.data(), x.data());
      },
      nb::arg("b"), nb::arg("l1"), nb::arg("enough"), nb::arg("max_sweeps"), nb::arg("slope"), nb::arg("x"));
  m.def(
      "logarithm",
      [](double x) {
        double lanes[kLanes<double>];
        store(lanes, log(splat(x)));
        return lanes[0];
      },
      nb::arg("x"));
}

}  // namespace burly

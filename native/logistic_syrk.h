// The Hessian of a block: X' diag(u) X over scaled columns and a last column of ones, in float.
//
// The rows are scaled, multiplied by the root of their weight and packed into panels of columns. A register tile takes
// 8 (or 4) rows of the result by up to 3 vectors of columns; every element is one chain of fused
// multiply-adds over the rows in order, so tiles and widths change no bit. Only the lower triangle is computed. Its
// last row, the ones', is summed while the rows are packed.
#pragma once

#include <cmath>
#include <memory>

#include "logistic.h"
#include "logistic_rows.h"

namespace burly::logistic {

class Syrk {
 public:
  static constexpr int kLanesF = kLanes<float>;
  static constexpr int kVectors = 3;
  static constexpr int kPanel = kVectors * kLanesF;
  static constexpr int kTile = kVectorBytes == 64 ? 8 : 4;

  // Columns of the rows; the result has one more.
  void resize(int d) {
    if (d == d_) return;
    d_ = d;
    panels_ = (d + kPanel - 1) / kPanel;
    const std::size_t columns = static_cast<std::size_t>(panels_) * kPanel;
    for (auto* rows : {&plain_, &weighted_}) *rows = std::make_unique<float[]>(columns * kBlockRows);
    shift_.assign(columns, 0.0);
    scale_ = shift_;
    ones_.assign(columns, 0.0f);
  }

  // IN: shift[d], scale[d].
  void set_scaling(const double* shift, const double* scale) {
    std::copy(shift, shift + d_, shift_.begin());
    std::copy(scale, scale + d_, scale_.begin());
  }

  // Packs the n rows of a block for `weigh`. IN: x[n * d].
  template <class T>
  void pack(const T* x, int n) {
    n_ = n;
    std::fill(roots_, roots_ + n, 1.0f);
    pack_rows(x, plain_.get());
  }

  // Packs the n rows of a block for `add`. IN: x[n * d], u[n], not negative.
  template <class T>
  void pack_weighted(const T* x, const float* u, int n) {
    n_ = n;
    set_weights(u);
    pack_rows(x, weighted_.get());
  }

  // Takes the rows that `pack` left, with weights, for `add`. IN: u[n], not negative.
  void weigh(const float* u) {
    set_weights(u);
    for (int p = 0; p < panels_; ++p) {
      const float* from = panel(plain_.get(), p);
      float* to = panel(weighted_.get(), p);
      Vec<float> ones[kVectors] = {};
      for (int i = 0; i < n_; ++i, from += kPanel, to += kPanel) {
        const Vec<float> root = splat(roots_[i]);
        BURLY_UNROLL for (int v = 0; v < kVectors; ++v) {
          const Vec<float> value = root * load<Vec<float>>(from + v * kLanesF);
          store(to + v * kLanesF, value);
          ones[v] = fma(root, value, ones[v]);
        }
      }
      BURLY_UNROLL for (int v = 0; v < kVectors; ++v) store(ones_.data() + p * kPanel + v * kLanesF, ones[v]);
    }
  }

  // Adds the block's result, times a sign, to the totals. IN: inverse[d + 1] (1 / factor; a unit is the product of
  // two factors). IN OUT: totals[(d + 1) * (d + 2) / 2], exceeded.
  void add(float sign, const double* inverse, Limit limit, std::uint64_t* totals, std::int64_t& exceeded) const {
    for (int p = 0; p < panels_; ++p) {
      const int j0 = p * kPanel;
      for (int i0 = j0; i0 < d_; i0 += kTile) {
        const int reach = std::min(i0 + kTile, d_) - j0;  // columns j0 .. j0 + reach - 1 are needed
        const int vectors = std::min((reach + kLanesF - 1) / kLanesF, kVectors);
        float tile[kTile * kPanel];
        const float* a = panel(weighted_.get(), i0 / kPanel) + i0 % kPanel;
        const float* b = panel(weighted_.get(), p);
        if (vectors == 3) multiply<3>(a, b, tile);
        else if (vectors == 2) multiply<2>(a, b, tile);
        else multiply<1>(a, b, tile);
        const int rows = std::min(kTile, d_ - i0);
        for (int r = 0; r < rows; ++r) {
          const std::int64_t i = i0 + r;
          const int columns = std::min(static_cast<int>(i) - j0 + 1, kPanel);
          add_row(tile + r * kPanel, inverse + j0, sign * inverse[i], columns, limit, totals + i * (i + 1) / 2 + j0,
                  exceeded);
        }
      }
    }
    std::uint64_t* last = totals + static_cast<std::int64_t>(d_) * (d_ + 1) / 2;
    add_row(ones_.data(), inverse, sign * inverse[d_], d_, limit, last, exceeded);
    last[d_] += to_units(sign * weight_ * (inverse[d_] * inverse[d_]), limit, exceeded);
  }

 private:
  static_assert(kPanel % kTile == 0);

  float* panel(const std::unique_ptr<float[]>::pointer of, int p) const {
    return of + static_cast<std::int64_t>(p) * kPanel * n_;
  }

  // The roots and the sum of the weights of the rows. IN: u[n].
  void set_weights(const float* u) {
    Eight sum(0.0);
    const int end = padded_rows(n_);
    std::copy(u, u + n_, roots_);
    std::fill(roots_ + n_, roots_ + end, 0.0f);
    for_rows(0, end, [&](int i, auto part) { sum.part[part] += load_double(roots_ + i); });
    for (int i = 0; i < end; i += kLanesF) store(roots_ + i, sqrt(load<Vec<float>>(roots_ + i)));
    weight_ = sum.sum();
  }

  template <class T>
  void pack_rows(const T* x, float* to) {
    for (int first = 0; first < d_; first += kPanel, to += static_cast<std::int64_t>(kPanel) * n_) {
      const int left = d_ - first;
      if (left > 2 * kLanesF) pack_panel<T, 3>(x + first, first, left, to);
      else if (left > kLanesF) pack_panel<T, 2>(x + first, first, left, to);
      else pack_panel<T, 1>(x + first, first, left, to);
    }
  }

  // Columns first to first + left of the rows, as Vectors vectors.
  template <class T, int Vectors>
  void pack_panel(const T* x, int first, int left, float* to) {
    constexpr int lanes = kLanes<T>;
    constexpr int n = Vectors * kLanesF / lanes;
    constexpr int full = (Vectors - 1) * kLanesF / lanes;  // vectors of T that are surely whole
    using Floats = Pack<float, lanes>;
    Vec<T> shift[n], scale[n];
    Floats ones[n] = {};
    for (int v = 0; v < n; ++v)
      for (int l = 0; l < lanes; ++l) {
        shift[v][l] = static_cast<T>(shift_[first + v * lanes + l]);
        scale[v][l] = static_cast<T>(scale_[first + v * lanes + l]);
      }
    for (int i = 0; i < n_; ++i, x += d_, to += kPanel) {
      const Floats root = (Floats){} + roots_[i];
      BURLY_UNROLL for (int v = 0; v < n; ++v) {
        const int held = std::clamp(left - v * lanes, 0, lanes);
        const Vec<T> raw = v < full ? load<Vec<T>>(x + v * lanes) : load_tail(x + v * lanes, held);
        const Floats value = __builtin_convertvector((raw - shift[v]) * scale[v], Floats) * root;
        store(to + v * lanes, value);
        ones[v] = ones[v] + root * value;
      }
    }
    BURLY_UNROLL for (int v = 0; v < n; ++v) store(ones_.data() + first + v * lanes, ones[v]);
  }

  // IN: a: rows of the result, b: columns. OUT: tile[kTile * kPanel].
  template <int Vectors>
  void multiply(const float* a, const float* b, float* tile) const {
    // One flat loop: GCC 12 keeps the array in memory when two nested loops index it.
    constexpr int n = kTile * Vectors;
    Vec<float> sum[n];
    BURLY_UNROLL for (int q = 0; q < n; ++q) sum[q] = Vec<float>{};
    for (int i = 0; i < n_; ++i, a += kPanel, b += kPanel) {
      BURLY_UNROLL for (int q = 0; q < n; ++q)
        sum[q] = fma(splat(a[q / Vectors]), load<Vec<float>>(b + q % Vectors * kLanesF), sum[q]);
    }
    BURLY_UNROLL for (int q = 0; q < n; ++q) store(tile + q / Vectors * kPanel + q % Vectors * kLanesF, sum[q]);
  }

  static void add_row(const float* sums, const double* inverse, double own, int columns, Limit limit,
                      std::uint64_t* totals, std::int64_t& exceeded) {
    std::int64_t above = 0;
    for (int j = 0; j < columns; ++j)
      totals[j] += to_units(static_cast<double>(sums[j]) * (own * inverse[j]), limit, above);
    exceeded += above;
  }

  int d_ = 0;
  int panels_ = 0;
  int n_ = 0;
  double weight_ = 0;
  alignas(64) float roots_[kBlockRows];
  std::unique_ptr<float[]> plain_, weighted_;
  std::vector<double> shift_, scale_;
  std::vector<float> ones_;
};

}  // namespace burly::logistic

// The Hessian of a block: X' diag(u) X over scaled columns and a last column of ones, in float.
//
// The rows are scaled and packed once into panels of columns, then once more times u. A register tile takes
// 8 (or 4) rows of the result by up to 3 vectors of columns; every element is one chain of fused
// multiply-adds over the rows in order, so tiles and widths change no bit. Only the lower triangle is computed.
#pragma once

#include <memory>

#include "logistic.h"

namespace burly::logistic {

class Syrk {
 public:
  static constexpr int kLanesF = kLanes<float>;
  static constexpr int kVectors = 3;
  static constexpr int kPanel = kVectors * kLanesF;
  static constexpr int kTile = kRegisters == 32 && kVectorBytes == 64 ? 8 : 4;

  // Columns of the result: d and the ones.
  void resize(int d) {
    if (d + 1 == size_) return;
    size_ = d + 1;
    panels_ = (size_ + kPanel - 1) / kPanel;
    const std::size_t room = static_cast<std::size_t>(panels_) * kPanel * kBlockRows;
    plain_ = std::make_unique_for_overwrite<float[]>(room + 16);
    weighted_ = std::make_unique_for_overwrite<float[]>(room + 16);
    shift_.assign(static_cast<std::size_t>(panels_) * kPanel, 0.0);
    scale_ = shift_;
  }

  // IN: shift[d], scale[d].
  void set_scaling(const double* shift, const double* scale) {
    std::copy(shift, shift + size_ - 1, shift_.begin());
    std::copy(scale, scale + size_ - 1, scale_.begin());
  }

  // Packs the n rows of a block. IN: x[n * d].
  template <class T>
  void pack(const T* x, int n) {
    n_ = n;
    const int d = size_ - 1;
    for (int p = 0; p < panels_; ++p) {
      const int first = p * kPanel;
      const int columns = std::min(kPanel, d - first);
      float* to = panel(plain_.get(), p);
      for (int i = 0; i < n; ++i, to += kPanel) {
        const T* row = x + static_cast<std::int64_t>(i) * d + first;
        for (int j = 0; j < columns; ++j)
          to[j] = static_cast<float>((row[j] - static_cast<T>(shift_[first + j])) * static_cast<T>(scale_[first + j]));
        for (int j = std::max(columns, 0); j < kPanel; ++j) to[j] = first + j == d ? 1.0f : 0.0f;
      }
    }
  }

  // Packs rows that are dense and scaled already. OUT of the caller: n rows in panels.
  float* packed(int n) {
    n_ = n;
    return plain_.get();
  }
  int panels() const { return panels_; }

  // Adds the block's result for weights u to the totals. IN: u[n], inverse[size] (1 / factor; a unit is the
  // product of two factors). IN OUT: totals[size * (size + 1) / 2], exceeded.
  // Bounds are checked on the diagonal, which no other element exceeds; `checked` says whether u >= 0.
  void add(const float* u, const double* inverse, Limit limit, std::uint64_t* totals, std::int64_t& exceeded) {
    for (int p = 0; p < panels_; ++p) {
      const float* from = panel(plain_.get(), p);
      float* to = panel(weighted_.get(), p);
      for (int i = 0; i < n_; ++i, from += kPanel, to += kPanel) {
        const Vec<float> w = splat(u[i]);
        unrolled<kVectors>([&](auto v) { store(to + v * kLanesF, w * load<Vec<float>>(from + v * kLanesF)); });
      }
    }
    for (int p = 0; p < panels_; ++p) {
      const int j0 = p * kPanel;
      for (int i0 = j0; i0 < size_; i0 += kTile) {
        const int reach = std::min(i0 + kTile, size_) - j0;  // columns j0 .. j0 + reach - 1 are needed
        const int vectors = std::min((reach + kLanesF - 1) / kLanesF, kVectors);
        float tile[kTile][kPanel];
        const float* a = panel(weighted_.get(), i0 / kPanel) + i0 % kPanel;
        const float* b = panel(plain_.get(), p);
        if (vectors == 3) multiply<3>(a, b, tile);
        else if (vectors == 2) multiply<2>(a, b, tile);
        else multiply<1>(a, b, tile);
        const int rows = std::min(kTile, size_ - i0);
        for (int r = 0; r < rows; ++r) {
          const std::int64_t i = i0 + r;
          const int columns = std::min(static_cast<int>(i) - j0 + 1, kPanel);
          add_row(tile[r], inverse + j0, inverse[i], columns, limit, totals + i * (i + 1) / 2 + j0, exceeded);
        }
      }
    }
  }

 private:
  static_assert(kPanel % kTile == 0);

  float* panel(float* of, int p) const { return of + static_cast<std::int64_t>(p) * kPanel * n_; }

  template <int Vectors>
  void multiply(const float* a, const float* b, float (&tile)[kTile][kPanel]) const {
    Vec<float> sum[kTile][Vectors];
    unrolled<kTile>([&](auto r) { unrolled<Vectors>([&](auto v) { sum[r][v] = Vec<float>{}; }); });
    for (int i = 0; i < n_; ++i, a += kPanel, b += kPanel) {
      Vec<float> x[Vectors];
      unrolled<Vectors>([&](auto v) { x[v] = load<Vec<float>>(b + v * kLanesF); });
      unrolled<kTile>([&](auto r) {
        const Vec<float> w = splat(a[r]);
        unrolled<Vectors>([&](auto v) { sum[r][v] = fma(w, x[v], sum[r][v]); });
      });
    }
    unrolled<kTile>([&](auto r) { unrolled<Vectors>([&](auto v) { store(tile[r] + v * kLanesF, sum[r][v]); }); });
  }

  static void add_row(const float* sums, const double* inverse, double own, int columns, Limit limit,
                      std::uint64_t* totals, std::int64_t& exceeded) {
    std::int64_t above = 0;
    for (int j = 0; j < columns; ++j)
      totals[j] += to_units(static_cast<double>(sums[j]) * (own * inverse[j]), limit, above);
    exceeded += above;
  }

  int size_ = 0;
  int panels_ = 0;
  int n_ = 0;
  std::unique_ptr<float[]> plain_, weighted_;
  std::vector<double> shift_, scale_;
};

}  // namespace burly::logistic

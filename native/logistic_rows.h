// From margins to losses, residuals and curvatures: lanes are rows, in double, 8 of them in one fixed
// structure for the sums of a block.
#pragma once

#include <limits>

#include "elementary.h"
#include "logistic.h"

namespace burly::logistic {

// Rows are handled in groups of 16; those beyond the block's end have weight 0 and change no sum.
constexpr int kRowGroup = 16;
BURLY_INLINE int padded_rows(int n) { return (n + kRowGroup - 1) / kRowGroup * kRowGroup; }

// Eight running values; row i belongs to value i % 8.
struct Eight {
  static constexpr int parts = 8 / kLanes<double>;
  Vec<double> part[parts];

  explicit Eight(double start) {
    for (auto& p : part) p = splat(start);
  }
  void spill(double (&v)[8]) const {
    for (int p = 0; p < parts; ++p) store(v + p * kLanes<double>, part[p]);
  }
  double sum() const {
    double v[8];
    spill(v);
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
  }
  double product() const {
    double v[8];
    spill(v);
    return ((v[0] * v[4]) * (v[2] * v[6])) * ((v[1] * v[5]) * (v[3] * v[7]));
  }
};

// f(i, part) for groups of kLanes<double> rows: the first is i, their values are in part.
template <class F>
BURLY_INLINE void for_rows(int first, int end, F&& f) {
  for (int i = first; i < end; i += 8)
    unrolled<Eight::parts>([&](auto p) { f(i + p * kLanes<double>, p); });
}

template <class T>
BURLY_INLINE Vec<double> load_double(const T* from) {
  if constexpr (sizeof(T) == 8) return load<Vec<double>>(from);
  else return __builtin_convertvector(load<Pack<T, kLanes<double>>>(from), Vec<double>);
}

template <class T>
BURLY_INLINE void store_double(T* to, Vec<double> v) {
  if constexpr (sizeof(T) == 8) store(to, v);
  else store(to, __builtin_convertvector(v, Pack<T, kLanes<double>>));
}

BURLY_INLINE Vec<double> minus_abs(Vec<double> x) {
  return (Vec<double>)((Vec<std::int64_t>)x | splat(std::numeric_limits<std::int64_t>::min()));
}

inline double log_of(double x) {
  double v[kLanes<double>];
  store(v, log(splat(x)));
  return v[0];
}

// Labels and weights of a block, padded with rows that count for nothing.
struct RowData {
  alignas(64) double y[kBlockRows];       // codes
  alignas(64) double weight[kBlockRows];  // sample weight times class weight; not set if all are one

  // IN: codes[n]; weights[n] or nullptr; class_weight[n_classes] or nullptr.
  void set(const std::int32_t* codes, const double* weights, const double* class_weight, int n) {
    const int end = padded_rows(n);
    for (int i = 0; i < n; ++i) y[i] = codes[i];
    for (int i = n; i < end; ++i) y[i] = 1;
    if (weights == nullptr && class_weight == nullptr) return;
    for (int i = 0; i < n; ++i)
      weight[i] = (weights == nullptr ? 1.0 : weights[i]) * (class_weight == nullptr ? 1.0 : class_weight[codes[i]]);
    for (int i = n; i < end; ++i) weight[i] = 0;
  }
};

// A margin at which a row of class 1 has no loss and no residual.
constexpr double kIdleMargin = 800;

// Two classes: what one margin gives. With e = exp(-|z|), loss = linear + log(1 + e).
struct BinaryRow {
  Vec<double> e, inverse, linear;

  BURLY_INLINE BinaryRow(Vec<double> z, Vec<double> y) {
    e = exp(minus_abs(z));
    inverse = splat(1.0) / (splat(1.0) + e);
    linear = fnma(y, z, greater(z, Vec<double>{}));
  }
  BURLY_INLINE Vec<double> residual(Vec<double> z, Vec<double> y) const {
    return (z >= Vec<double>{} ? inverse : e * inverse) - y;
  }
  BURLY_INLINE Vec<double> curvature() const { return (e * inverse) * inverse; }
};

// The loss of a block for two classes. Without weights the terms log(1 + e) are one logarithm of a
// product: at most 256 factors of at most 2.
template <bool Weighted>
struct BinaryLoss {
  Eight sum{0.0};
  Eight product{1.0};

  BURLY_INLINE void add(int part, const BinaryRow& row, Vec<double> weight) {
    if constexpr (Weighted) {
      sum.part[part] = fma(weight, row.linear + log1p(row.e), sum.part[part]);
    } else {
      sum.part[part] += row.linear;
      product.part[part] *= splat(1.0) + row.e;
    }
  }
  double value() const { return Weighted ? sum.sum() : sum.sum() + log_of(product.product()); }
};

// Sums of a block for one output: of residuals, curvatures, curvatures times margins.
struct OutputSums {
  Eight residual{0.0}, curvature{0.0}, margin{0.0};
};

// Rows first to end of a block with two classes. IN: z. OUT: r, h, hz (the last two if Curved).
template <class T, bool Weighted, bool Curved>
inline void binary_rows(int first, int end, const RowData& rows, const T* z, T* r, T* h, T* hz,
                        BinaryLoss<Weighted>& total_loss, OutputSums& total_sums, Ahead& ahead) {
  BinaryLoss<Weighted> loss = total_loss;  // in registers, which stores to r, h and hz do not touch
  OutputSums sums = total_sums;
  for_rows(first, end, [&](int i, auto part) __attribute__((always_inline)) {
    if constexpr (part == 0) ahead.fetch_share();
    const Vec<double> zi = load_double(z + i), y = load<Vec<double>>(rows.y + i);
    const Vec<double> weight = Weighted ? load<Vec<double>>(rows.weight + i) : Vec<double>{};
    const BinaryRow row(zi, y);
    loss.add(part, row, weight);
    Vec<double> ri = row.residual(zi, y);
    if constexpr (Weighted) ri *= weight;
    store_double(r + i, ri);
    sums.residual.part[part] += ri;
    if constexpr (Curved) {
      Vec<double> hi = row.curvature();
      if constexpr (Weighted) hi *= weight;
      store_double(h + i, hi);
      store_double(hz + i, hi * zi);
      sums.curvature.part[part] += hi;
      sums.margin.part[part] = fma(hi, zi, sums.margin.part[part]);
    }
  });
  total_loss = loss;
  total_sums = sums;
}

// Rows first to end of a block with K > 2 classes. Arrays of outputs are [K][kBlockRows].
// IN: z. OUT: r, h, hz, p (the last three if Curved), p in float. Room: e[K * kLanes<double>].
// The curvature of the coefficients is p_k (z_k - sum_l p_l z_l).
template <class T, bool Weighted, bool Curved>
inline void softmax_rows(int first, int end, int n_classes, const RowData& rows, const T* z, T* r, T* h, T* hz,
                         float* p, double* e, Eight& loss, OutputSums* sums) {
  constexpr int lanes = kLanes<double>;
  for_rows(first, end, [&](int i, auto part) __attribute__((always_inline)) {
    const Vec<double> y = load<Vec<double>>(rows.y + i);
    Vec<double> most = load_double(z + i);
    Vec<double> own = most;
    for (int k = 1; k < n_classes; ++k) {
      const Vec<double> zk = load_double(z + k * kBlockRows + i);
      most = zk < most ? most : zk;  // keeps what is not a number
      own = y == splat(static_cast<double>(k)) ? zk : own;
    }
    Vec<double> total{}, mean{};
    for (int k = 0; k < n_classes; ++k) {
      const Vec<double> zk = load_double(z + k * kBlockRows + i);
      const Vec<double> ek = exp(zk - most);
      store(e + k * lanes, ek);
      total += ek;
      if constexpr (Curved) mean = fma(ek, zk, mean);
    }
    const Vec<double> inverse = splat(1.0) / total;
    if constexpr (Curved) mean *= inverse;
    Vec<double> weight;
    if constexpr (Weighted) weight = load<Vec<double>>(rows.weight + i);
    const Vec<double> lost = log(total) + (most - own);
    if constexpr (Weighted) loss.part[part] = fma(weight, lost, loss.part[part]);
    else loss.part[part] += lost;
    for (int k = 0; k < n_classes; ++k) {
      const int at = k * kBlockRows + i;
      const Vec<double> pk = load<Vec<double>>(e + k * lanes) * inverse;
      const Vec<double> wp = Weighted ? pk * weight : pk;
      const auto mine = y == splat(static_cast<double>(k));
      Vec<double> rk = pk - (mine ? splat(1.0) : Vec<double>{});
      if constexpr (Weighted) rk *= weight;
      store_double(r + at, rk);
      sums[k].residual.part[part] += rk;
      if constexpr (Curved) {
        const Vec<double> hk = wp * (splat(1.0) - pk);
        const Vec<double> mk = wp * (load_double(z + at) - mean);
        store_double(h + at, hk);
        store_double(hz + at, mk);
        store_double(p + at, pk);
        sums[k].curvature.part[part] += hk;
        sums[k].margin.part[part] += mk;
      }
    }
  });
}

// The weights of the Hessian's block of classes k and l, but for their sign: s p_k p_l. OUT: u[end].
template <bool Weighted>
inline void pair_weights(int end, const RowData& rows, const float* pk, const float* pl, float* u) {
  for (int i = 0; i < end; ++i) {
    const float product = pk[i] * pl[i];
    u[i] = Weighted ? static_cast<float>(rows.weight[i]) * product : product;
  }
}

}  // namespace burly::logistic

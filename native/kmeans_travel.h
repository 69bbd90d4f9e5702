// How far centres have come since the last fresh round, against which gaps are held.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd.h"

namespace burly {

// Bounds the distance between two centres from above, in double.
template <class T>
double distance_above(const T* a, const T* b, int d) {
  using D = Pack<double, 8>;
  using X = Pack<T, 8>;
  D sums = D{};
  int f = 0;
  for (; f + 8 <= d; f += 8) {
    const D move = __builtin_convertvector(load<X>(a + f), D) - __builtin_convertvector(load<X>(b + f), D);
    sums += move * move;
  }
  for (int lane = 0; f < d; ++f, ++lane) {
    const double move = static_cast<double>(a[f]) - static_cast<double>(b[f]);
    sums[lane] += move * move;
  }
  double sum = 0;
  for (int lane = 0; lane < 8; ++lane) sum += sums[lane];
  return std::sqrt(sum) * (1 + (d + 16) * 0x1p-52) + 0x1p-500;
}

// What is kept in float32 has small relative errors only between these: a gap outside them never holds.
constexpr float kLeastGap = 0x1p-100f;
constexpr float kMostGap = 0x1p+126f;

// Of each cluster: its own movements and, each round, the largest of the others, added up.
class Travel {
 public:
  explicit Travel(int k) : sums_(k), low_(k), high_(k), moved_(k) {}

  void forget() {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    round_up_and_down();
  }

  // IN: the k shifted centres of this round and of the last one.
  template <class T>
  void follow(const T* now, const T* then, int d) {
    const int k = static_cast<int>(sums_.size());
    double largest = 0, second = 0, sum = 0;
    int whose = -1;
    for (int j = 0; j < k; ++j, now += d, then += d) {
      moved_[j] = std::equal(now, now + d, then) ? 0.0 : distance_above(now, then, d);
      sum += moved_[j];
      if (!(moved_[j] <= largest)) {
        second = largest;
        largest = moved_[j];
        whose = j;
      } else if (!(moved_[j] <= second)) {
        second = moved_[j];
      }
    }
    // Once a centre has been no number, no travel is one, and every row is computed.
    const double odd = sum - sum;
    for (int j = 0; j < k; ++j) {
      const double step = moved_[j] + (j == whose ? second : largest) + odd;
      if (step != 0) sums_[j] = (sums_[j] + step) * (1 + 0x1p-50);
    }
    round_up_and_down();
  }

  const float* low() const { return low_.data(); }    // rounded down
  const float* high() const { return high_.data(); }  // rounded up
  // At least all of high().
  float most() const { return most_; }

 private:
  void round_up_and_down() {
    most_ = 0;
    for (std::size_t j = 0; j < sums_.size(); ++j) {
      const float near = static_cast<float>(sums_[j]);
      low_[j] = near < kLeastGap ? 0.0f : near * (1 - 0x1p-22f);
      high_[j] = near * (1 + 0x1p-22f) + 0x1p-20f * kLeastGap;
      most_ = high_[j] <= most_ ? most_ : high_[j] < std::numeric_limits<float>::infinity() ? high_[j] : std::numeric_limits<float>::infinity();
    }
  }

  std::vector<double> sums_;
  std::vector<float> low_, high_;
  std::vector<double> moved_;
  float most_ = 0;
};

}  // namespace burly

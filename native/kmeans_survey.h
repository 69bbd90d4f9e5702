// What the first round finds out about the data on the way: largest terms, and squares about the shift.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "exact_rows.h"
#include "memory.h"
#include "rows.h"

namespace burly {

// Lanes are features. Where these do not fill vectors, eight rows are read as one long row: sums of integers
// may be added up in any order.
template <class T>
class Survey {
 public:
  // What one thread finds; the squares keep the constants of their terms.
  struct Part {
    Buffer<std::uint64_t> squares;
    Buffer<double> magnitudes;  // of terms and, with weights, of squares
  };

  Survey(int d, bool weighted)
      : d_(d),
        weighted_(weighted),
        period_(weighted || d % 8 == 0 || d > 64 ? d : 8 * d),
        shift_(period_),
        magic_(2 * static_cast<std::size_t>(period_)) {}

  // IN: shift[d], square_quanta[2 * d].
  void begin(const T* shift, const double* square_quanta) {
    for (int p = 0; p < period_; ++p) {
      shift_[p] = static_cast<double>(shift[p % d_]);
      for (int level = 0; level < 2; ++level) magic_[level * period_ + p] = magic_of(square_quanta[level * d_ + p % d_]);
    }
  }

  void clear(Part& part) const {
    if (part.magnitudes.size() == 0)
      part = {Buffer<std::uint64_t>(2 * static_cast<std::size_t>(period_)),
              Buffer<double>((weighted_ ? 2 : 1) * static_cast<std::size_t>(period_))};
    std::fill(part.squares.begin(), part.squares.end(), 0);
    std::fill(part.magnitudes.begin(), part.magnitudes.end(), 0.0);
  }

  void look(const Block<T>& block, Part& part) const {
    const int most = std::max(8, 16384 / static_cast<int>(sizeof(T)) / d_ / 8 * 8);
    for (int i = 0; i < block.n; i += most) {
      const int n = std::min(most, block.n - i);
      const T* x = block.x + static_cast<std::int64_t>(i) * d_;
      if (block.weights == nullptr) look<false>(x, nullptr, n, part);
      else look<true>(x, block.weights + i, n, part);
    }
  }

  // OUT: magnitudes[2 * d], the largest |weight * x| and what weight * (x - shift)^2 is at most; squares[2 * d], sums
  // of weight * (x - shift)^2 over n rows.
  void total(const std::vector<const Part*>& parts, std::int64_t n, double* magnitudes, std::int64_t* squares) const {
    for (int f = 0; f < d_; ++f) {
      magnitudes[f] = largest(parts, 0, f);
      const double off = magnitudes[f] + std::abs(shift_[f]);
      magnitudes[d_ + f] = weighted_ ? largest(parts, 1, f) : off * off;
      for (int level = 0; level < 2; ++level) {
        std::uint64_t sum = -static_cast<std::uint64_t>(n) * bits_of(magic_[level * period_ + f]);
        for (const Part* part : parts)
          for (int p = f; p < period_; p += d_) sum += part->squares[level * period_ + p];
        squares[level * d_ + f] = static_cast<std::int64_t>(sum);
      }
    }
  }

 private:
  double largest(const std::vector<const Part*>& parts, int which, int f) const {
    double found = 0;
    for (const Part* part : parts)
      for (int p = f; p < period_; p += d_) found = std::max(found, part->magnitudes[which * period_ + p]);
    return found;
  }

  template <bool Weighted>
  void look(const T* x, const double* weights, int n, Part& part) const {
    const int together = period_ / d_, whole = n / together;
    constexpr int lanes = kLanes<double>;
    int p = 0;
    for (; p + lanes <= period_; p += lanes) look<lanes, Weighted>(x, weights, period_, whole, p, part);
    for (; p < period_; ++p) look<1, Weighted>(x, weights, period_, whole, p, part);
    for (int i = whole * together; i < n; ++i)
      for (p = 0; p < d_; ++p) look<1, Weighted>(x + static_cast<std::int64_t>(i) * d_, nullptr, d_, 1, p, part);
  }

  // The columns [p, p + N) of n rows that lie `stride` apart.
  template <int N, bool Weighted>
  BURLY_INLINE void look(const T* x, const double* weights, int stride, int n, int p, Part& part) const {
    using D = Pack<double, N>;
    using U = Pack<std::uint64_t, N>;
    const D shift = load<D>(shift_.data() + p), coarse = load<D>(magic_.data() + p);
    const D fine = load<D>(magic_.data() + period_ + p);
    D largest = load<D>(part.magnitudes.data() + p), most = D{};
    if constexpr (Weighted) most = load<D>(part.magnitudes.data() + period_ + p);
    U first = load<U>(part.squares.data() + p), second = load<U>(part.squares.data() + period_ + p);
    x += p;
    for (int i = 0; i < n; ++i, x += stride) {
      const D value = terms<false, T, N>(x, 1.0);
      const D off = value - shift;
      D term = value, square = off * off;
      if constexpr (Weighted) {
        term *= weights[i];
        square *= weights[i];
        most = square > most ? square : most;
      }
      const D size = -term > term ? -term : term;
      largest = size > largest ? size : largest;
      const D rounded = square + coarse;
      const D rest = square - (rounded - coarse);  // exact
      first += (U)rounded;
      second += (U)(rest + fine);
    }
    store(part.magnitudes.data() + p, largest);
    if constexpr (Weighted) store(part.magnitudes.data() + period_ + p, most);
    store(part.squares.data() + p, first);
    store(part.squares.data() + period_ + p, second);
  }

  int d_;
  bool weighted_;
  int period_;  // features of one row, or of the rows that are read as one
  Buffer<double> shift_, magic_;
};

}  // namespace burly

// Lloyd's iteration over a partition, with bounds that change no bit. See docs/kernels.md.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "exact_rows.h"
#include "kmeans_centres.h"
#include "memory.h"
#include "rows.h"
#include "team.h"

namespace burly {

// How sums are rounded. levels quanta a feature; features levels * d, weights two.
struct Grids {
  int levels;
  const double* quanta;         // [levels * d]
  const double* weight_quanta;  // [2], nullptr without weights
  const double* square_quanta;  // [2 * d], nullptr unless squares are asked for
};

// What one step leaves. Null pointers: not asked for.
struct Totals {
  std::int64_t* sums;         // [levels * k * d]
  std::int64_t* counts;       // [k]
  std::int64_t* weight_sums;  // [2 * k]
  double* magnitudes;         // [d]: largest |weight * x|
  std::int64_t* squares;      // [2 * d]: of weight * (x - shift)^2
  std::int64_t moved = 0;
  std::int64_t evaluated = 0;
  bool finite = true;
};

template <class T>
class Lloyd {
 public:
  Lloyd(const Rows<T>& rows, int k, int n_threads, bool dense);

  // One round: labels for these centres and the sums of the whole partition under them. fresh forgets all
  // scratch; it is needed for the first round, for other grids or another shift, and to measure.
  void step(Team& team, const T* centres, const T* shift, const Grids& grids, bool fresh, Totals& out);

  const std::int32_t* labels() const { return labels_.data(); }
  std::int64_t n() const { return rows_.n(); }
  int k() const { return k_; }
  int d() const { return rows_.d(); }
  bool weighted() const { return rows_.weighted(); }

 private:
  // What one thread owns. Sums keep the constants of their terms until a step ends.
  struct Worker {
    Buffer<std::uint64_t> sums, weight_sums, squares;
    Buffer<std::int64_t> counts;
    Buffer<double> magnitudes;
    Buffer<T> tile;
    // Rows that wait for their tile.
    const T* rows[kTileRows];
    std::int64_t where[kTileRows];
    double weights[kTileRows];
    int n = 0;
    std::int64_t moved, evaluated;
    T poison;  // 0 as long as all norms are finite
    alignas(64) char end[64];
  };

  void follow(const T* centres, const T* shift, bool fresh);
  void begin(Worker& w, const Grids& grids, bool fresh) const;
  void sweep(Worker& w, Cursor<T>& cursor, bool all);
  void settle(Worker& w);
  void push(Worker& w, const Block<T>& block, int i) {
    w.rows[w.n] = block.x + static_cast<std::int64_t>(i) * rows_.d();
    w.where[w.n] = block.first + i;
    w.weights[w.n] = block.weights == nullptr ? 1.0 : block.weights[i];
    if (++w.n == kTileRows) settle(w);
  }
  void move(Worker& w, int i, std::int32_t from, std::int32_t to) const;
  void measure(Worker& w, int i) const;
  void total(const Grids& grids, Totals& out, int from, int to, bool first) const;

  const Rows<T>& rows_;
  int k_;
  bool dense_;
  bool fresh_ = true;
  bool measuring_ = false;
  int levels_ = 1;
  Centres<T> centres_;
  Buffer<T> before_;  // the last shifted centres
  Buffer<T> shift_;
  Buffer<std::int32_t> labels_;
  // A row's gap plus its cluster's travel when it was computed: enough travel later makes it fail.
  Buffer<float> gaps_;
  std::vector<double> travel_;      // a cluster's own movements and, each round, the largest of the others
  std::vector<float> travel_low_;   // rounded down
  std::vector<float> travel_high_;  // rounded up
  Buffer<double> magic_, weight_magic_, square_magic_;
  T gamma_, tiny_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

// Bounds the distance between two centres from above, in double.
template <class T>
double distance_above(const T* a, const T* b, int d) {
  double sum = 0;
  for (int f = 0; f < d; ++f) {
    const double move = static_cast<double>(a[f]) - static_cast<double>(b[f]);
    sum = fma(move, move, sum);
  }
  return std::sqrt(sum) * (1 + (d + 8) * 0x1p-52) + 0x1p-500;
}

template <class T>
Lloyd<T>::Lloyd(const Rows<T>& rows, int k, int n_threads, bool dense)
    : rows_(rows),
      k_(k),
      dense_(dense),
      centres_(k, rows.d()),
      before_(static_cast<std::size_t>(k) * rows.d()),
      shift_(rows.d()),
      labels_(rows.n()),
      gaps_(rows.n()),
      travel_(k),
      travel_low_(k),
      travel_high_(k),
      magic_(2 * static_cast<std::size_t>(rows.d())),
      weight_magic_(2),
      square_magic_(2 * static_cast<std::size_t>(rows.d())) {
  const int d = rows.d();
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const double gamma = 1.01 * (2.0 * d + 32) * unit;
  // The derivation needs gamma well below one: more features than that are always computed.
  if (gamma > 0.01) dense_ = true;
  gamma_ = static_cast<T>(gamma);
  tiny_ = static_cast<T>((2.0 * d + 32) * 8) * std::numeric_limits<T>::denorm_min();
  for (int t = 0; t < n_threads; ++t) workers_.push_back(std::make_unique<Worker>());
}

// Takes the next centres, and how far each has come.
template <class T>
void Lloyd<T>::follow(const T* centres, const T* shift, bool fresh) {
  const int d = rows_.d();
  if (!fresh) std::copy_n(centres_.shifted(0), static_cast<std::size_t>(k_) * d, before_.data());
  std::copy_n(shift, d, shift_.data());
  centres_.set(centres, shift);
  if (fresh) {
    std::fill(travel_.begin(), travel_.end(), 0.0);
  } else {
    std::vector<double> moved(k_);
    double largest = 0, second = 0;
    int whose = -1;
    for (int j = 0; j < k_; ++j) {
      const T* now = centres_.shifted(j);
      const T* then = before_.data() + static_cast<std::int64_t>(j) * d;
      moved[j] = std::equal(now, now + d, then) ? 0.0 : distance_above(now, then, d);
      // A centre that is not a number makes the travel not a number, and every row is computed.
      if (!(moved[j] <= largest)) {
        second = largest;
        largest = moved[j];
        whose = j;
      } else if (!(moved[j] <= second)) {
        second = moved[j];
      }
    }
    for (int j = 0; j < k_; ++j) {
      const double step = moved[j] + (j == whose ? second : largest);
      if (step != 0) travel_[j] = (travel_[j] + step) * (1 + 0x1p-50);
    }
  }
  for (int j = 0; j < k_; ++j) {
    const float near = static_cast<float>(travel_[j]);
    travel_low_[j] = near * (1 - 0x1p-22f);
    travel_high_[j] = near * (1 + 0x1p-22f);
  }
}

template <class T>
void Lloyd<T>::begin(Worker& w, const Grids& grids, bool fresh) const {
  const int d = rows_.d();
  w.moved = w.evaluated = 0;
  w.poison = 0;
  w.n = 0;
  if (w.tile.size() == 0) w.tile = Buffer<T>(static_cast<std::size_t>(kTileRows) * d);
  if (!fresh) return;
  const std::size_t cells = static_cast<std::size_t>(grids.levels) * k_ * d;
  if (w.sums.size() != cells) {
    w.sums = Buffer<std::uint64_t>(cells);
    w.counts = Buffer<std::int64_t>(k_);
    w.weight_sums = Buffer<std::uint64_t>(2 * static_cast<std::size_t>(k_));
    w.squares = Buffer<std::uint64_t>(2 * static_cast<std::size_t>(d));
    w.magnitudes = Buffer<double>(d);
  }
  std::fill(w.sums.begin(), w.sums.end(), 0);
  std::fill(w.counts.begin(), w.counts.end(), 0);
  std::fill(w.weight_sums.begin(), w.weight_sums.end(), 0);
  std::fill(w.squares.begin(), w.squares.end(), 0);
  std::fill(w.magnitudes.begin(), w.magnitudes.end(), 0.0);
}

// One thread's share of a round.
template <class T>
void Lloyd<T>::sweep(Worker& w, Cursor<T>& cursor, bool all) {
  while (const Block<T>* block = cursor.next()) {
    if (all) {
      for (int i = 0; i < block->n; ++i) push(w, *block, i);
      continue;
    }
    const float* gap = gaps_.data() + block->first;
    const std::int32_t* label = labels_.data() + block->first;
    for (int i = 0; i < block->n; ++i)
      if (!(gap[i] >= travel_high_[label[i]])) push(w, *block, i);
  }
  if (w.n != 0) settle(w);
}

// Finds the nearest centre of the waiting rows and moves those that changed.
template <class T>
void Lloyd<T>::settle(Worker& w) {
  using V = Vec<T>;
  constexpr int sub = kSubRows<T>;
  const int n = w.n, d = rows_.d();
  w.n = 0;
  w.evaluated += n;
  for (int i = n; i < kTileRows; ++i) w.rows[i] = w.rows[n - 1];
  fill_tile(w.rows, d, shift_.data(), w.tile.data());
  Nearest<T> nearest;
  alignas(64) T norms[sub];
  alignas(64) T gaps[sub];
  for (int first = 0; first < n; first += sub) {
    const T* subtile = w.tile.data() + static_cast<std::int64_t>(first) * d;
    nearest.find(subtile, centres_);
    row_norms(subtile, d, norms);
    V poison = V{};
    for (int r = 0; r < sub; r += kLanes<T>) {
      const V norm = load<V>(norms + r);
      const V own = fma(splat(T{2}), load<V>(nearest.best + r), norm);
      const V other = fma(splat(T{2}), load<V>(nearest.second + r), norm);
      const V error = fma(splat(gamma_), fma(splat(T{8}), norm, splat(T{2}) * other), splat(tiny_));
      const V low = sqrt(greater(other - error, V{}));
      const V high = sqrt(fma(splat(T{3}), error, greater(own, V{})));
      store(gaps + r, low - high);
      poison += norm - norm;
    }
    for (int r = 0; r < kLanes<T>; ++r) w.poison += poison[r];
    const int last = n - first < sub ? n - first : sub;
    for (int r = 0; r < last; ++r) {
      const std::int64_t at = w.where[first + r];
      const auto to = static_cast<std::int32_t>(nearest.index[r]);
      const T gap = gaps[r];
      gaps_[at] = k_ == 1   ? std::numeric_limits<float>::infinity()
                  : gap > 0 ? static_cast<float>(gap + static_cast<T>(travel_low_[to])) * (1 - 0x1p-21f)
                            : -1.0f;
      if (fresh_) {
        labels_[at] = to;
        move(w, first + r, -1, to);
        if (measuring_) measure(w, first + r);
      } else if (const std::int32_t from = labels_[at]; from != to) {
        labels_[at] = to;
        move(w, first + r, from, to);
      }
    }
  }
}

template <class T>
void Lloyd<T>::move(Worker& w, int i, std::int32_t from, std::int32_t to) const {
  const int d = rows_.d();
  const std::int64_t stride = static_cast<std::int64_t>(k_) * d;
  std::uint64_t* off = from < 0 ? nullptr : w.sums.data() + static_cast<std::int64_t>(from) * d;
  std::uint64_t* onto = w.sums.data() + static_cast<std::int64_t>(to) * d;
  const T* x = w.rows[i];
  const double weight = w.weights[i];
  ++w.moved;
  ++w.counts[to];
  if (from >= 0) --w.counts[from];
  if (!rows_.weighted()) {
    if (levels_ == 1) move_row<1, false>(x, weight, d, magic_.data(), off, onto, stride);
    else move_row<2, false>(x, weight, d, magic_.data(), off, onto, stride);
    return;
  }
  if (levels_ == 1) move_row<1, true>(x, weight, d, magic_.data(), off, onto, stride);
  else move_row<2, true>(x, weight, d, magic_.data(), off, onto, stride);
  std::uint64_t parts[2] = {0, 0};
  add_term<2>(parts, 1, weight, weight_magic_.data(), 1);
  for (int level = 0; level < 2; ++level) {
    w.weight_sums[level * k_ + to] += parts[level];
    if (from >= 0) w.weight_sums[level * k_ + from] -= parts[level];
  }
}

// Largest terms, and squares about the shift.
template <class T>
void Lloyd<T>::measure(Worker& w, int i) const {
  const int d = rows_.d();
  const T* x = w.rows[i];
  const double weight = w.weights[i];
  constexpr int n = kLanes<double>;
  using D = Vec<double>;
  using U = Vec<std::uint64_t>;
  const double* magic = square_magic_.data();
  std::uint64_t* squares = w.squares.data();
  int f = 0;
  for (; f + n <= d; f += n) {
    const D value = terms<false, T, n>(x + f, 1.0);
    const D term = value * weight;
    const D size = greater(term, -term);
    store(w.magnitudes.data() + f, greater(load<D>(w.magnitudes.data() + f), size));
    const D off = value - terms<false, T, n>(shift_.data() + f, 1.0);
    const D square = off * off * weight;
    const D first = square + load<D>(magic + f);
    const D rest = square - (first - load<D>(magic + f));
    store(squares + f, load<U>(squares + f) + (U)first);
    store(squares + d + f, load<U>(squares + d + f) + (U)(rest + load<D>(magic + d + f)));
  }
  for (; f < d; ++f) {
    const double size = std::fabs(static_cast<double>(x[f]) * weight);
    w.magnitudes[f] = w.magnitudes[f] > size ? w.magnitudes[f] : size;
    const double off = static_cast<double>(x[f]) - static_cast<double>(shift_[f]);
    add_term<2>(w.squares.data() + f, d, off * off * weight, square_magic_.data() + f, d);
  }
}

// Clusters [from, to) of the totals; the first thread adds what belongs to no cluster.
template <class T>
void Lloyd<T>::total(const Grids& grids, Totals& out, int from, int to, bool first) const {
  const int d = rows_.d();
  const std::int64_t stride = static_cast<std::int64_t>(k_) * d;
  for (int j = from; j < to; ++j) {
    std::int64_t count = 0;
    for (const auto& w : workers_) count += w->counts[j];
    out.counts[j] = count;
    for (int level = 0; level < levels_; ++level) {
      const std::int64_t at = level * stride + static_cast<std::int64_t>(j) * d;
      for (int f = 0; f < d; ++f)
        out.sums[at + f] = static_cast<std::int64_t>(-static_cast<std::uint64_t>(count) * bits_of(magic_[level * d + f]));
      for (const auto& w : workers_)
        for (int f = 0; f < d; ++f)
          out.sums[at + f] = static_cast<std::int64_t>(static_cast<std::uint64_t>(out.sums[at + f]) + w->sums[at + f]);
    }
    if (out.weight_sums == nullptr) continue;
    for (int level = 0; level < 2; ++level) {
      std::uint64_t sum = -static_cast<std::uint64_t>(count) * bits_of(weight_magic_[level]);
      for (const auto& w : workers_) sum += w->weight_sums[level * k_ + j];
      out.weight_sums[level * k_ + j] = static_cast<std::int64_t>(sum);
    }
  }
  if (!first) return;
  for (const auto& w : workers_) {
    out.moved += w->moved;
    out.evaluated += w->evaluated;
    out.finite = out.finite && w->poison == 0;
  }
  if (!measuring_) return;
  for (int f = 0; f < d; ++f) {
    out.magnitudes[f] = 0;
    for (const auto& w : workers_) out.magnitudes[f] = std::max(out.magnitudes[f], w->magnitudes[f]);
    for (int level = 0; level < 2; ++level) {
      std::uint64_t sum = -static_cast<std::uint64_t>(rows_.n()) * bits_of(square_magic_[level * d + f]);
      for (const auto& w : workers_) sum += w->squares[level * d + f];
      out.squares[level * d + f] = static_cast<std::int64_t>(sum);
    }
  }
}

template <class T>
void Lloyd<T>::step(Team& team, const T* centres, const T* shift, const Grids& grids, bool fresh, Totals& out) {
  const int d = rows_.d();
  fresh_ = fresh;
  measuring_ = out.magnitudes != nullptr;
  levels_ = grids.levels;
  for (int i = 0; i < grids.levels * d; ++i) magic_[i] = magic_of(grids.quanta[i]);
  if (grids.weight_quanta != nullptr)
    for (int i = 0; i < 2; ++i) weight_magic_[i] = magic_of(grids.weight_quanta[i]);
  if (grids.square_quanta != nullptr)
    for (int i = 0; i < 2 * d; ++i) square_magic_[i] = magic_of(grids.square_quanta[i]);
  follow(centres, shift, fresh);
  Cursor<T> cursor(rows_);
  team.run([&](int thread) {
    Worker& w = *workers_[thread];
    begin(w, grids, fresh);
    sweep(w, cursor, fresh || dense_);
    team.barrier();
    const int n = static_cast<int>(workers_.size());
    total(grids, out, static_cast<int>(std::int64_t{k_} * thread / n), static_cast<int>(std::int64_t{k_} * (thread + 1) / n),
          thread == 0);
  });
}

}  // namespace burly

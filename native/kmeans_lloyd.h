// Lloyd's iteration over a partition, with bounds that change no bit. See docs/kernels.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "kmeans_centres.h"
#include "kmeans_nearest.h"
#include "kmeans_neighbours.h"
#include "kmeans_sums.h"
#include "kmeans_survey.h"
#include "kmeans_travel.h"
#include "memory.h"
#include "rows.h"
#include "team.h"

namespace burly {

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

// Rows are grouped by label, to look only at the centres around it, from so many products a row on, and up to so
// many centres, whose distances take the square of that; so many of them a centre wait for each other.
constexpr std::int64_t kGroupedWork = 20000;
constexpr int kGroupedCentres = 2048;
constexpr int kGroupedRows = 32;

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
  // What one thread owns.
  struct Worker {
    Worker(int k, const Rows<T>& rows, int most)
        : nearest(k, rows.d()), rows(most + rows.block_rows()), where(this->rows.size()) {
      if (rows.weighted()) weights = Buffer<double>(this->rows.size());
    }

    typename ClusterSums<T>::Part sums;
    typename Survey<T>::Part survey;
    Nearest<T> nearest;
    // Rows that wait for their tile.
    Buffer<const T*> rows;
    Buffer<std::int64_t> where;
    Buffer<double> weights;
    int n = 0;
    // Of rows grouped by label: their order, where each group begins, and those to be computed once more.
    std::vector<std::int32_t> order, starts, again;
    std::int64_t moved, evaluated;
    T poison;  // 0 as long as all norms are finite
    alignas(64) char end[64];
  };
  // Rows that are settled together; n_next more follow behind the 64 of them.
  struct Tile {
    const T* const* rows;
    const std::int64_t* where;
    const double* weights;
    int n;
    int n_next = 0;
  };

  void follow(const T* centres, const T* shift, bool fresh);
  void begin(Worker& w, bool fresh) const;
  void sweep(Worker& w, Cursor<T>& cursor, bool all);
  void collect(Worker& w, const Block<T>& block, bool all) const;
  void settle_all(Worker& w);
  void settle_grouped(Worker& w);
  void settle(Worker& w, const Tile& tile);
  void settle_near(Worker& w, const Tile& tile, const std::int32_t* order);
  void group(Worker& w) const;
  template <class F>
  void gather(Worker& w, const std::vector<std::int32_t>& order, F&& visit) const;
  void keep_gaps(const Nearest<T>& nearest, float* kept, T& poison) const;
  void relabel(Worker& w, const Tile& tile, const float* kept);
  void total(Totals& out, int from, int to, bool first) const;

  const Rows<T>& rows_;
  int k_;
  bool dense_;
  bool fresh_ = true;
  bool measuring_ = false;
  Centres<T> centres_;
  Buffer<T> before_;  // the last shifted centres
  Buffer<T> shift_;
  Buffer<std::int32_t> labels_;
  // A row's gap plus its cluster's travel when it was computed: enough travel later makes it fail.
  Buffer<float> gaps_;
  Travel travel_;
  ClusterSums<T> sums_;
  Survey<T> survey_;
  T gamma_, tiny_;
  // Whether centres around the own one are worth finding, and whether they were in this round.
  bool may_group_, grouped_ = false;
  std::int64_t evaluated_ = 0;  // in the last round
  std::unique_ptr<Neighbours<T>> neighbours_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

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
      sums_(k, rows.d(), rows.weighted()),
      survey_(rows.d(), rows.weighted()) {
  const int d = rows.d();
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const double gamma = 1.01 * (2.0 * d + 32) * unit;
  // The derivation needs gamma well below one: more features than that are always computed.
  if (gamma > 0.01) dense_ = true;
  gamma_ = static_cast<T>(gamma);
  tiny_ = static_cast<T>((2.0 * d + 32) * 8) * std::numeric_limits<T>::denorm_min();
  may_group_ = !dense_ && static_cast<std::int64_t>(k) * d >= kGroupedWork && k <= kGroupedCentres && d <= kWholeFeatures<T>;
  if (may_group_) neighbours_ = std::make_unique<Neighbours<T>>(k, d, gamma_, tiny_);
  const int most = may_group_ ? kGroupedRows * k : kTileRows;
  for (int t = 0; t < n_threads; ++t) workers_.push_back(std::make_unique<Worker>(k, rows, most));
}

// Takes the next centres, and how far each has come.
template <class T>
void Lloyd<T>::follow(const T* centres, const T* shift, bool fresh) {
  const int d = rows_.d();
  if (!fresh) std::copy_n(centres_.shifted(0), static_cast<std::size_t>(k_) * d, before_.data());
  std::copy_n(shift, d, shift_.data());
  centres_.set(centres, shift);
  if (fresh) travel_.forget();
  else travel_.follow(centres_.shifted(0), before_.data(), d);
}

template <class T>
void Lloyd<T>::begin(Worker& w, bool fresh) const {
  w.moved = w.evaluated = 0;
  w.poison = 0;
  w.n = 0;
  if (measuring_) survey_.clear(w.survey);
  if (fresh) sums_.clear(w.sums);
}

// One thread's share of a round.
template <class T>
void Lloyd<T>::sweep(Worker& w, Cursor<T>& cursor, bool all) {
  while (const Block<T>* block = cursor.next()) {
    if (measuring_) survey_.look(*block, w.survey);
    collect(w, *block, all);
    if (!grouped_) settle_all(w);
    else if (w.n >= kGroupedRows * k_) settle_grouped(w);
  }
  if (grouped_) settle_grouped(w);
  if (w.n == 0) return;
  std::fill_n(w.rows.data() + w.n, kTileRows - w.n, w.rows[w.n - 1]);
  settle(w, {w.rows.data(), w.where.data(), w.weights.data(), w.n});
}

// Whole tiles of waiting rows; the rest goes on waiting.
template <class T>
void Lloyd<T>::settle_all(Worker& w) {
  int done = 0;
  for (; w.n - done >= kTileRows; done += kTileRows)
    settle(w, {w.rows.data() + done, w.where.data() + done, w.weights.data() + (rows_.weighted() ? done : 0), kTileRows,
               std::min(kTileRows, w.n - done - kTileRows)});
  if (done == 0) return;
  w.n -= done;
  std::copy_n(w.rows.data() + done, w.n, w.rows.data());
  std::copy_n(w.where.data() + done, w.n, w.where.data());
  if (rows_.weighted()) std::copy_n(w.weights.data() + done, w.n, w.weights.data());
}

// All waiting rows, by label; then, among all centres, those whose label that could not settle.
template <class T>
void Lloyd<T>::settle_grouped(Worker& w) {
  group(w);
  w.again.clear();
  gather(w, w.order, [&](const Tile& tile, const std::int32_t* order) { settle_near(w, tile, order); });
  w.evaluated -= static_cast<std::int64_t>(w.again.size());
  gather(w, w.again, [&](const Tile& tile, const std::int32_t*) { settle(w, tile); });
  w.n = 0;
}

// Orders the waiting rows by label, and those of a label by their gaps: rows of a tile that are as far from their
// centre look at as many others.
template <class T>
void Lloyd<T>::group(Worker& w) const {
  w.starts.assign(k_ + 1, 0);
  w.order.resize(w.n);
  for (int i = 0; i < w.n; ++i) ++w.starts[labels_[w.where[i]] + 1];
  for (int j = 0; j < k_; ++j) w.starts[j + 1] += w.starts[j];
  for (int i = 0; i < w.n; ++i) w.order[w.starts[labels_[w.where[i]]]++] = i;
  // Each start is now its group's end.
  for (int j = 0, first = 0; j < k_; first = w.starts[j++])
    std::sort(w.order.begin() + first, w.order.begin() + w.starts[j], [&](std::int32_t a, std::int32_t b) {
      const float x = gaps_[w.where[a]], y = gaps_[w.where[b]];
      return x != y ? x < y : a < b;
    });
}

// Calls visit(tile, order) for tiles of waiting rows in this order.
template <class T>
template <class F>
void Lloyd<T>::gather(Worker& w, const std::vector<std::int32_t>& order, F&& visit) const {
  const T* rows[kTileRows];
  std::int64_t where[kTileRows];
  double weights[kTileRows];
  const int all = static_cast<int>(order.size());
  for (int first = 0; first < all; first += kTileRows) {
    const int n = std::min(kTileRows, all - first);
    for (int r = 0; r < kTileRows; ++r) {
      const int i = order[first + std::min(r, n - 1)];
      rows[r] = w.rows[i];
      where[r] = w.where[i];
      weights[r] = rows_.weighted() ? w.weights[i] : 1.0;
    }
    visit(Tile{rows, where, weights, n}, order.data() + first);
  }
}

// Lets the rows of a block wait whose gap no longer holds, or all of them.
template <class T>
void Lloyd<T>::collect(Worker& w, const Block<T>& block, bool all) const {
  const std::int64_t d = rows_.d();
  const float* gaps = gaps_.data() + block.first;
  const std::int32_t* labels = labels_.data() + block.first;
  const float* high = travel_.high();
  int n = w.n;
  // Without a branch: which rows fail is anybody's guess.
  const auto take = [&](int i, bool fails) __attribute__((always_inline)) {
    w.rows[n] = block.x + i * d;
    w.where[n] = block.first + i;
    if (block.weights != nullptr) w.weights[n] = block.weights[i];
    n += fails;
  };
  int i = 0;
  if (all)
    for (; i < block.n; ++i) take(i, true);
  for (; i + 16 <= block.n; i += 16) {
    if (!any_below(gaps + i, travel_.most())) continue;
    const std::uint32_t fails = below(gaps + i, labels + i, high);
    if (fails == 0) continue;
    for (int j = 0; j < 16; ++j) take(i + j, (fails >> j & 1) != 0);
  }
  for (; i < block.n; ++i) take(i, !(gaps[i] >= high[labels[i]]));
  w.n = n;
}

// Finds the nearest centre of the rows of a tile and moves those that changed.
template <class T>
void Lloyd<T>::settle(Worker& w, const Tile& tile) {
  w.evaluated += tile.n;
  w.nearest.find(tile.rows, shift_.data(), centres_, tile.rows + kTileRows, tile.n_next);
  alignas(64) float kept[kTileRows];
  keep_gaps(w.nearest, kept, w.poison);
  relabel(w, tile, kept);
}

// The same, looking only around the rows' own centres. A row whose gap to what was not looked at is not above
// the margin waits for a look at all.
template <class T>
void Lloyd<T>::settle_near(Worker& w, const Tile& tile, const std::int32_t* order) {
  std::int32_t own[kTileRows];
  for (int r = 0; r < kTileRows; ++r) own[r] = labels_[tile.where[r]];
  w.evaluated += tile.n;
  w.nearest.find_near(tile.rows, own, shift_.data(), centres_, *neighbours_, gamma_, tiny_);
  alignas(64) float kept[kTileRows];
  keep_gaps(w.nearest, kept, w.poison);
  for (int r = 0; r < tile.n; ++r) {
    if (kept[r] >= 0) continue;
    w.again.push_back(order[r]);
    w.nearest.index[r] = own[r];
  }
  relabel(w, tile, kept);
}

template <class T>
void Lloyd<T>::relabel(Worker& w, const Tile& tile, const float* kept) {
  Moves moves;
  for (int r = 0; r < tile.n; ++r) {
    const std::int64_t at = tile.where[r];
    const auto to = static_cast<std::int32_t>(w.nearest.index[r]);
    const std::int32_t from = fresh_ ? -1 : labels_[at];
    gaps_[at] = kept[r];
    labels_[at] = to;
    moves.row[moves.n] = r;
    moves.from[moves.n] = from;
    moves.to[moves.n] = to;
    moves.n += from != to;
  }
  w.moved += moves.n;
  if (moves.n != 0) sums_.move(w.sums, tile.rows, tile.weights, moves);
}

// What a row keeps of its gap, from which docs/kernels.md shows that it may be skipped.
template <class T>
void Lloyd<T>::keep_gaps(const Nearest<T>& nearest, float* kept, T& poison) const {
  using V = Vec<T>;
  alignas(64) T gaps[kTileRows];
  alignas(64) T low_travel[kTileRows];
  V odd = V{};
  for (int r = 0; r < kTileRows; ++r) low_travel[r] = static_cast<T>(travel_.low()[nearest.index[r]]);
  for (int r = 0; r < kTileRows; r += kLanes<T>) {
    const V norm = load<V>(nearest.norms + r);
    const V own = fma(splat(T{2}), load<V>(nearest.best + r), norm);
    const V other = lesser(load<V>(nearest.outside + r), fma(splat(T{2}), load<V>(nearest.second + r), norm));
    const V error = fma(splat(gamma_), fma(splat(T{8}), norm, splat(T{2}) * other), splat(tiny_));
    const V low = sqrt(greater(other - error, V{}));
    const V high = sqrt(fma(splat(T{3}), error, greater(own, V{})));
    store(gaps + r, low - high);
    odd += norm - norm;
  }
  for (int lane = 0; lane < kLanes<T>; ++lane) poison += odd[lane];
  for (int r = 0; r < kTileRows; ++r) {
    const T held = gaps[r] + low_travel[r];
    kept[r] = (gaps[r] > T{kLeastGap}) & (held < T{kMostGap}) ? static_cast<float>(held) * (1 - 0x1p-21f) : -1.0f;
  }
  if (k_ == 1) std::fill_n(kept, kTileRows, std::numeric_limits<float>::infinity());
}

// Clusters [from, to) of the totals; the first thread adds what belongs to no cluster.
template <class T>
void Lloyd<T>::total(Totals& out, int from, int to, bool first) const {
  std::vector<const typename ClusterSums<T>::Part*> sums;
  for (const auto& w : workers_) sums.push_back(&w->sums);
  sums_.total(sums, from, to, out.sums, out.weight_sums, out.counts);
  if (!first) return;
  for (const auto& w : workers_) {
    out.moved += w->moved;
    out.evaluated += w->evaluated;
    out.finite = out.finite && w->poison == 0;
  }
  if (!measuring_) return;
  std::vector<const typename Survey<T>::Part*> parts;
  for (const auto& w : workers_) parts.push_back(&w->survey);
  survey_.total(parts, rows_.n(), out.magnitudes, out.squares);
}

template <class T>
void Lloyd<T>::step(Team& team, const T* centres, const T* shift, const Grids& grids, bool fresh, Totals& out) {
  fresh_ = fresh;
  measuring_ = out.magnitudes != nullptr;
  sums_.begin(grids);
  if (measuring_) survey_.begin(shift, grids.square_quanta);
  follow(centres, shift, fresh);
  // Finding the distances between centres costs as much as a look at so many rows.
  grouped_ = may_group_ && !fresh && evaluated_ > 4 * k_;
  if (grouped_) neighbours_->reserve();
  Cursor<T> cursor(rows_);
  team.run([&](int thread) {
    Worker& w = *workers_[thread];
    begin(w, fresh);
    if (grouped_) {
      neighbours_->prepare(centres_, w.nearest.tile(), thread, static_cast<int>(workers_.size()));
      team.barrier();
    }
    sweep(w, cursor, fresh || dense_);
    team.barrier();
    const int n = static_cast<int>(workers_.size());
    total(out, static_cast<int>(std::int64_t{k_} * thread / n), static_cast<int>(std::int64_t{k_} * (thread + 1) / n),
          thread == 0);
  });
  evaluated_ = out.evaluated;
}

}  // namespace burly

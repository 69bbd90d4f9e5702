// Lloyd's iteration over a partition, with bounds that change no bit. See docs/kernels.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "kmeans_centres.h"
#include "kmeans_nearest.h"
#include "kmeans_neighbours.h"
#include "kmeans_sums.h"
#include "kmeans_survey.h"
#include "kmeans_travel.h"
#include "kmeans_waiting.h"
#include "memory.h"
#include "rows.h"
#include "team.h"

namespace burly {

// What one step leaves. Null pointers: not asked for.
struct Totals {
  std::int64_t* sums;         // [levels * k * d]
  std::int64_t* counts;       // [k]
  std::int64_t* weight_sums;  // [2 * k]
  double* magnitudes;         // [2 * d]: largest |weight * x|, and what weight * (x - shift)^2 is at most
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
  // Gives the labels away; no step may follow.
  Buffer<std::int32_t> take_labels() { return std::move(labels_); }
  std::int64_t n() const { return rows_.n(); }
  int k() const { return k_; }
  int d() const { return rows_.d(); }
  bool weighted() const { return rows_.weighted(); }

 private:
  // What one thread owns.
  struct Worker {
    Worker(int k, const Rows<T>& rows, int most)
        : nearest(k, rows.d()), waiting(static_cast<std::size_t>(most) + rows.block_rows(), rows.weighted()) {}

    typename ClusterSums<T>::Part sums;
    typename Survey<T>::Part survey;
    Nearest<T> nearest;
    Waiting<T> waiting;
    std::int64_t moved, evaluated;
    T poison;  // 0 as long as all norms are finite
    alignas(64) char end[64];
  };
  using Tile = RowTile<T>;

  void follow(const T* centres, const T* shift, bool fresh);
  void begin(Worker& w, bool fresh) const;
  void sweep(Worker& w, int thread, Cursor<T>& cursor, bool all);
  void settle(Worker& w, const Tile& tile);
  void settle_near(Worker& w, const Tile& tile, const std::int32_t* numbers);
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
  // Rounded up to a normal number: a subnormal operand takes some processors more than a hundred cycles.
  tiny_ = std::max(static_cast<T>((2.0 * d + 32) * 8) * std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min());
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
  w.waiting.clear();
  if (measuring_) survey_.clear(w.survey);
  if (fresh) sums_.clear(w.sums);
}

// One thread's share of a round.
template <class T>
void Lloyd<T>::sweep(Worker& w, int thread, Cursor<T>& cursor, bool all) {
  const auto among_all = [&](const Tile& tile) { settle(w, tile); };
  const auto by_label = [&] {
    w.waiting.settle_grouped(
        k_, gaps_.data(), labels_.data(),
        [&](const Tile& tile, const std::int32_t* numbers) { settle_near(w, tile, numbers); }, among_all);
  };
  while (const Block<T>* block = cursor.next(thread)) {
    if (measuring_) survey_.look(*block, w.survey);
    w.waiting.collect(*block, rows_.d(), gaps_.data(), labels_.data(), travel_, all);
    if (!grouped_) w.waiting.settle_whole(among_all);
    else if (w.waiting.n() >= kGroupedRows * k_) by_label();
  }
  if (grouped_) by_label();
  else w.waiting.settle_rest(among_all);
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
void Lloyd<T>::settle_near(Worker& w, const Tile& tile, const std::int32_t* numbers) {
  std::int32_t own[kTileRows];
  for (int r = 0; r < kTileRows; ++r) own[r] = labels_[tile.where[r]];
  w.evaluated += tile.n;
  w.nearest.find_near(tile.rows, own, shift_.data(), centres_, *neighbours_, gamma_, tiny_);
  alignas(64) float kept[kTileRows];
  keep_gaps(w.nearest, kept, w.poison);
  for (int r = 0; r < tile.n; ++r) {
    if (kept[r] >= 0) continue;
    w.waiting.send_back(numbers[r]);
    --w.evaluated;
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
  Cursor<T> cursor(rows_, static_cast<int>(workers_.size()));
  team.run([&](int thread) {
    Worker& w = *workers_[thread];
    begin(w, fresh);
    if (grouped_) {
      neighbours_->prepare(centres_, w.nearest.tile(), thread, static_cast<int>(workers_.size()));
      team.barrier();
    }
    sweep(w, thread, cursor, fresh || dense_);
    team.barrier();
    const int n = static_cast<int>(workers_.size());
    total(out, static_cast<int>(std::int64_t{k_} * thread / n), static_cast<int>(std::int64_t{k_} * (thread + 1) / n),
          thread == 0);
  });
  evaluated_ = out.evaluated;
}

}  // namespace burly

// Seeding: every row's squared distance to the nearest seed so far, and what candidates would make of it.
// See docs/kmeans.md.
//
// Lanes are rows, and each (row, seed) value is one chain over the features, so the width changes no bit.
// Sums are of one block, in the order of its rows, and of one shard, in the order of its blocks: both are
// fixed by the data alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "kmeans_squares.h"
#include "memory.h"
#include "rows.h"
#include "team.h"
#include "tile.h"

namespace burly {

// Enough rows to fill a tile when few survive, few enough to find one row among them at once.
constexpr int kSeedBlock = 512;
constexpr int kMostTrials = 32;

template <class T>
class Seeder {
 public:
  Seeder(const Rows<T>& rows, int n_threads) : rows_(rows), nearest_(rows.n()), whose_(rows.n()), zero_(rows.d()) {
    std::fill(zero_.begin(), zero_.end(), T{0});
    shards_.resize(rows.n_shards());
    for (const Block<T>& block : rows.blocks()) {
      Shard& shard = shards_[block.shard];
      if (shard.n == 0) shard = {block.x, block.weights, block.first, 0};
      shard.n += block.n;
    }
    for (Shard& shard : shards_) {
      shard.first_block = static_cast<int>(blocks_.size());
      for (std::int64_t at = 0; at < shard.n; at += kSeedBlock)
        blocks_.push_back({shard.x + at * rows.d(), shard.weights == nullptr ? nullptr : shard.weights + at,
                           shard.first + at, static_cast<int>(std::min<std::int64_t>(kSeedBlock, shard.n - at))});
      shard.last_block = static_cast<int>(blocks_.size());
    }
    base_.resize(blocks_.size());
    for (int t = 0; t < n_threads; ++t) workers_.push_back(std::make_unique<Worker>(rows.d()));
    forget();
  }

  std::int64_t n() const { return rows_.n(); }
  int d() const { return rows_.d(); }
  int n_shards() const { return static_cast<int>(shards_.size()); }
  int n_trials() const { return n_trials_; }
  int n_seeds() const { return static_cast<int>(seeds_.size()) / std::max(1, d()); }
  const T* nearest() const { return nearest_.data(); }
  const std::int32_t* whose() const { return whose_.data(); }

  void forget() {
    seeds_.clear();
    std::fill(nearest_.begin(), nearest_.end(), std::numeric_limits<T>::infinity());
    std::fill(whose_.begin(), whose_.end(), 0);
    std::fill(base_.begin(), base_.end(), std::numeric_limits<double>::infinity());
  }

  // Takes seeds in, and says what each candidate would leave: the weighted sums of squared distances of
  // every shard. IN: fresh[n_fresh * d], trials[n_trials * d]. OUT: totals[n_shards * max(n_trials, 1)].
  void sweep(Team& team, const T* fresh, int n_fresh, const T* trials, int n_trials, double* totals);

  // The three draws are in kmeans_draws.h.

  // Rows drawn with probabilities proportional to what a trial of the last sweep would leave them.
  // IN: of each draw the trial, the shard and a uniform number. OUT: rows, numbered within the shard.
  void pick(Team& team, int n, const std::int32_t* trial, const std::int32_t* shard, const double* at,
            std::int64_t* rows);

  // Rows whose own draw falls below factor * weight * distance. OUT: their numbers in the partition, ascending.
  void sample(Team& team, std::uint64_t seed, std::uint32_t draw, const std::int64_t* ordinals, double factor,
              std::vector<std::int64_t>& found) const;

  // -log(u) / weight of every row: the k least are a weighted draw without replacement.
  void race(Team& team, std::uint64_t seed, std::uint32_t draw, const std::int64_t* ordinals, double* keys) const;

 private:
  struct Shard {
    const T* x = nullptr;
    const double* weights = nullptr;
    std::int64_t first = 0;
    std::int64_t n = 0;
    int first_block = 0, last_block = 0;
  };
  struct Part {
    const T* x;
    const double* weights;
    std::int64_t first;
    int n;
  };
  struct Worker {
    explicit Worker(int d) : tile(static_cast<std::size_t>(kTileRows) * d) {}
    Buffer<T> tile;
    const T* rows[kTileRows];
    // Lanes that no row fills keep what is here: never below zero.
    alignas(64) T found[kGroup * kTileRows] = {};
    alignas(64) T kept[kTileRows];
    int list[kSeedBlock];
  };

  void reach(Worker& w, int thread, int n_threads);
  void visit(Worker& w, int b, int n_fresh, int n_trials);
  void fill(Worker& w, const Part& part, const int* list, int n) const {
    for (int i = 0; i < kTileRows; ++i)
      w.rows[i] = part.x + static_cast<std::int64_t>(list[std::min(i, n - 1)]) * rows_.d();
    fill_tile(w.rows, rows_.d(), zero_.data(), w.tile.data());
  }
  std::int64_t pick_one(Worker& w, int trial, int shard, double at);
  double base(const Part& part) const;

  const Rows<T>& rows_;
  std::vector<Shard> shards_;
  std::vector<Part> blocks_;
  Buffer<T> nearest_;           // squared distance to the nearest seed
  Buffer<std::int32_t> whose_;  // which seed that is
  Buffer<T> zero_;
  std::vector<double> base_;  // a block's weighted sum of nearest_
  std::vector<T> seeds_;
  // Of the last sweep: points are its fresh seeds, then its trials.
  int n_fresh_ = 0, n_trials_ = 0;
  std::vector<T> points_;
  std::vector<const T*> point_;
  std::vector<T> reach_;      // [n_seeds * n_points] if there are trials: a row of this seed, nearer than this, keeps it
  std::vector<T> least_;      // [n_seeds]: the least of them
  std::vector<double> left_;  // [n_blocks * max(n_trials, 1)]
  std::vector<std::unique_ptr<Worker>> workers_;
};

// By the triangle inequality a row x of seed s stays with it if |p - s| >= 2 |x - s|: a quarter of the
// squared distance of the two seeds, less the errors of the three distances, is how far the seed reaches. Where
// squares are subnormal, their errors are no share of them, but d times the least number at most.
template <class T>
void Seeder<T>::reach(Worker& w, int thread, int n_threads) {
  const int d = rows_.d(), n_points = static_cast<int>(point_.size());
  const int n_seeds = static_cast<int>(seeds_.size() / d);
  const T factor = static_cast<T>(std::max(0.0, 0.25 * (1 - 16.0 * (d + 8) * std::numeric_limits<T>::epsilon())));
  const T tiny = std::max(static_cast<T>(4.0 * (d + 8)) * std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min());
  for (int first = thread * kTileRows; first < n_seeds; first += n_threads * kTileRows) {
    const int n = std::min(kTileRows, n_seeds - first);
    for (int i = 0; i < kTileRows; ++i)
      w.rows[i] = seeds_.data() + static_cast<std::int64_t>(first + std::min(i, n - 1)) * d;
    fill_tile(w.rows, d, zero_.data(), w.tile.data());
    for (int r = 0; r < n; ++r) least_[first + r] = std::numeric_limits<T>::infinity();
    for (int p = 0; p < n_points; p += kGroup) {
      const int count = std::min(kGroup, n_points - p);
      tile_squares(w.tile.data(), n, d, point_.data() + p, count, w.found);
      for (int c = 0; c < count; ++c)
        for (int r = 0; r < n; ++r) {
          const T near = std::max(T{0}, factor * w.found[c * kTileRows + r] - tiny);
          if (n_trials_ > 0) reach_[static_cast<std::int64_t>(first + r) * n_points + p + c] = near;
          if (!(near >= least_[first + r])) least_[first + r] = near;
        }
    }
  }
}

template <class T>
double Seeder<T>::base(const Part& part) const {
  using D = Pack<double, 8>;
  D sum = D{};
  const T* nearest = nearest_.data() + part.first;
  int i = 0;
  for (; i + 8 <= part.n; i += 8) {
    const D term = __builtin_convertvector(load<Pack<T, 8>>(nearest + i), D);
    if (part.weights == nullptr) sum += term;
    else sum += term * load<D>(part.weights + i);
  }
  for (int lane = 0; i < part.n; ++i, ++lane) {
    const double term = static_cast<double>(nearest[i]);
    sum[lane] += part.weights == nullptr ? term : term * part.weights[i];
  }
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

// One block: rows that no point can reach are left alone; the others meet all points.
template <class T>
void Seeder<T>::visit(Worker& w, int b, int n_fresh, int n_trials) {
  using D = Pack<double, 8>;
  const int d = rows_.d(), n_points = n_fresh + n_trials;
  const Part& part = blocks_[b];
  T* nearest = nearest_.data() + part.first;
  std::int32_t* whose = whose_.data() + part.first;
  const int older = static_cast<int>(seeds_.size() / d);
  int survivors = 0;
  if (older == 0) {
    for (int i = 0; i < part.n; ++i) w.list[survivors++] = i;
  } else {
    const T* least = least_.data();
    for (int i = 0; i < part.n; ++i) {
      w.list[survivors] = i;
      survivors += !(least[whose[i]] >= nearest[i]);
    }
  }
  D gains[kMostTrials] = {};
  bool changed = false;
  for (int first = 0; first < survivors; first += kTileRows) {
    const int n = std::min(kTileRows, survivors - first);
    const int* list = w.list + first;
    fill(w, part, list, n);
    alignas(64) double weights[kTileRows];
    for (int i = 0; i < kTileRows; ++i) {
      w.kept[i] = i < n ? nearest[list[i]] : T{0};
      weights[i] = part.weights == nullptr ? 1.0 : part.weights[list[std::min(i, n - 1)]];
    }
    for (int p = 0; p < n_points;) {
      const int count = std::min(kGroup, p < n_fresh ? n_fresh - p : n_points - p);
      tile_squares(w.tile.data(), n, d, point_.data() + p, count, w.found);
      for (int c = 0; c < count; ++c) {
        const T* found = w.found + c * kTileRows;
        if (p + c < n_fresh) {
          for (int i = 0; i < n; ++i)
            if (!(found[i] >= w.kept[i])) {
              w.kept[i] = found[i];
              whose[list[i]] = older + p + c;
              changed = true;
            }
          continue;
        }
        D& gain = gains[p + c - n_fresh];
        for (int i = 0; i < n; i += 8) {
          using X = Pack<T, 8>;
          X less = load<X>(w.kept + i) - load<X>(found + i);
          less = less > X{} ? less : X{};
          gain += __builtin_convertvector(less, D) * load<D>(weights + i);
        }
      }
      p += count;
    }
    if (changed)
      for (int i = 0; i < n; ++i) nearest[list[i]] = w.kept[i];
  }
  if (changed) base_[b] = base(part);
  double* left = left_.data() + static_cast<std::int64_t>(b) * std::max(1, n_trials);
  left[0] = base_[b];
  for (int t = 0; t < n_trials; ++t) {
    const D& g = gains[t];
    const double gain = ((g[0] + g[4]) + (g[2] + g[6])) + ((g[1] + g[5]) + (g[3] + g[7]));
    left[t] = gain < base_[b] ? base_[b] - gain : 0.0;
  }
}

template <class T>
void Seeder<T>::sweep(Team& team, const T* fresh, int n_fresh, const T* trials, int n_trials, double* totals) {
  const int d = rows_.d(), n_points = n_fresh + n_trials, n_left = std::max(1, n_trials);
  const int n_seeds = static_cast<int>(seeds_.size() / d);
  n_fresh_ = n_fresh;
  n_trials_ = n_trials;
  points_.assign(fresh, fresh + static_cast<std::int64_t>(n_fresh) * d);
  points_.insert(points_.end(), trials, trials + static_cast<std::int64_t>(n_trials) * d);
  point_.resize(n_points);
  for (int p = 0; p < n_points; ++p) point_[p] = points_.data() + static_cast<std::int64_t>(p) * d;
  // Only draws for trials look at single points: sweeps of many seeds, as in k-means||, have none.
  reach_.resize(n_trials > 0 ? static_cast<std::size_t>(n_seeds) * n_points : 0);
  least_.resize(n_seeds);
  left_.resize(blocks_.size() * n_left);
  std::atomic<std::size_t> next{0};
  team.run([&](int thread) {
    Worker& w = *workers_[thread];
    reach(w, thread, team.size());
    team.barrier();
    // A few blocks at a time: neighbours lie on one page.
    constexpr std::size_t stride = 4;
    for (std::size_t b; (b = next.fetch_add(stride, std::memory_order_relaxed)) < blocks_.size();)
      for (std::size_t i = b; i < std::min(b + stride, blocks_.size()); ++i)
        visit(w, static_cast<int>(i), n_fresh, n_trials);
  });
  seeds_.insert(seeds_.end(), fresh, fresh + static_cast<std::int64_t>(n_fresh) * d);
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    double* total = totals + s * n_left;
    std::fill_n(total, n_left, 0.0);
    for (int b = shards_[s].first_block; b < shards_[s].last_block; ++b)
      for (int t = 0; t < n_left; ++t) total[t] += left_[static_cast<std::int64_t>(b) * n_left + t];
  }
}

}  // namespace burly

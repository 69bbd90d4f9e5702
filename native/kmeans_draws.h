// How seeding draws rows: by what a sweep has left of their distances, or by their weights alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "elementary.h"
#include "kmeans_seed.h"
#include "kmeans_squares.h"
#include "random.h"

namespace burly {

template <class T>
std::int64_t Seeder<T>::pick_one(Worker& w, int trial, int s, double at) {
  const Shard& shard = shards_[s];
  const int n_left = std::max(1, n_trials_), n_points = static_cast<int>(point_.size());
  double total = 0, before = 0;
  for (int b = shard.first_block; b < shard.last_block; ++b)
    total += left_[static_cast<std::int64_t>(b) * n_left + trial];
  const double target = at * total;
  int chosen = shard.first_block;
  for (int b = shard.first_block; b < shard.last_block; ++b) {
    const double here = left_[static_cast<std::int64_t>(b) * n_left + trial];
    if (!(here > 0)) continue;
    chosen = b;
    if (before + here > target) break;
    before += here;
  }
  const Part& part = blocks_[chosen];
  const T* nearest = nearest_.data() + part.first;
  const std::int32_t* whose = whose_.data() + part.first;
  T left[kSeedBlock];
  std::copy_n(nearest, part.n, left);
  if (n_trials_ > 0) {
    const int p = n_fresh_ + trial;
    const auto known = static_cast<std::int32_t>(least_.size());
    int survivors = 0;
    for (int i = 0; i < part.n; ++i) {
      w.list[survivors] = i;
      survivors += whose[i] >= known || !(reach_[static_cast<std::int64_t>(whose[i]) * n_points + p] >= nearest[i]);
    }
    for (int first = 0; first < survivors; first += kTileRows) {
      const int n = std::min(kTileRows, survivors - first);
      fill(w, part, w.list + first, n);
      tile_squares(w.tile.data(), n, rows_.d(), point_.data() + p, 1, w.found);
      for (int i = 0; i < n; ++i) {
        T& best = left[w.list[first + i]];
        best = w.found[i] < best ? w.found[i] : best;
      }
    }
  }
  int row = 0;
  for (int i = 0; i < part.n; ++i) {
    const double weight = part.weights == nullptr ? 1.0 : part.weights[i];
    const double term = static_cast<double>(left[i]) * weight;
    if (!(term > 0)) continue;
    row = i;
    before += term;
    if (before > target) break;
  }
  return part.first - shard.first + row;
}

template <class T>
void Seeder<T>::pick(Team& team, int n, const std::int32_t* trial, const std::int32_t* shard, const double* at,
                     std::int64_t* rows) {
  std::atomic<int> next{0};
  team.run([&](int thread) {
    for (int i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n;)
      rows[i] = pick_one(*workers_[thread], trial[i], shard[i], at[i]);
  });
}

template <class T>
void Seeder<T>::sample(Team& team, std::uint64_t seed, std::uint32_t draw, const std::int64_t* ordinals, double factor,
                       std::vector<std::int64_t>& found) const {
  std::vector<std::vector<std::int64_t>> of_shard(shards_.size());
  std::atomic<std::size_t> next{0};
  team.run([&](int) {
    for (std::size_t s; (s = next.fetch_add(1, std::memory_order_relaxed)) < shards_.size();) {
      const Shard& shard = shards_[s];
      const auto ordinal = static_cast<std::uint32_t>(ordinals[s]);
      for (std::int64_t i = 0; i < shard.n; ++i) {
        double weight = static_cast<double>(nearest_[shard.first + i]);
        if (shard.weights != nullptr) weight *= shard.weights[i];
        if (uniform(seed, static_cast<std::uint32_t>(i), ordinal, draw, 0) < factor * weight)
          of_shard[s].push_back(shard.first + i);
      }
    }
  });
  found.clear();
  for (const auto& rows : of_shard) found.insert(found.end(), rows.begin(), rows.end());
}

template <class T>
void Seeder<T>::race(Team& team, std::uint64_t seed, std::uint32_t draw, const std::int64_t* ordinals,
                     double* keys) const {
  constexpr int lanes = kLanes<double>;
  std::atomic<std::size_t> next{0};
  team.run([&](int) {
    for (std::size_t s; (s = next.fetch_add(1, std::memory_order_relaxed)) < shards_.size();) {
      const Shard& shard = shards_[s];
      const auto ordinal = static_cast<std::uint32_t>(ordinals[s]);
      for (std::int64_t i = 0; i < shard.n; i += lanes) {
        const int n = static_cast<int>(std::min<std::int64_t>(lanes, shard.n - i));
        double u[lanes];
        for (int l = 0; l < lanes; ++l) u[l] = uniform(seed, static_cast<std::uint32_t>(i + l), ordinal, draw, 0);
        store(u, log(load<Vec<double>>(u)));
        for (int l = 0; l < n; ++l) {
          const double weight = shard.weights == nullptr ? 1.0 : shard.weights[i + l];
          keys[shard.first + i + l] = weight > 0 ? -u[l] / weight : std::numeric_limits<double>::infinity();
        }
      }
    }
  });
}

}  // namespace burly

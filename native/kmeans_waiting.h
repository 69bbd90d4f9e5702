// Rows whose nearest centre is in doubt, until there are enough of them for a tile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kmeans_travel.h"
#include "memory.h"
#include "rows.h"
#include "simd.h"
#include "tile.h"

namespace burly {

// Rows that are settled together; n_next more follow behind the 64 pointers.
template <class T>
struct RowTile {
  const T* const* rows;  // [64], the last one repeated where there are fewer
  const std::int64_t* where;
  const double* weights;
  int n;
  int n_next = 0;
};

// One thread's queue.
template <class T>
class Waiting {
 public:
  // Room for `most` rows.
  Waiting(std::size_t most, bool weighted) : rows_(most), where_(most), weights_(weighted ? most : 0) {}

  int n() const { return n_; }
  void clear() { n_ = 0; }

  // Takes the rows of a block whose gap no longer holds, or all of them.
  // IN: of the whole partition gaps and labels.
  void collect(const Block<T>& block, std::int64_t d, const float* gaps, const std::int32_t* labels, const Travel& travel,
               bool all) {
    const float* high = travel.high();
    gaps += block.first;
    labels += block.first;
    int n = n_;
    // Without a branch: which rows fail is anybody's guess.
    const auto take = [&](int i, bool fails) __attribute__((always_inline)) {
      rows_[n] = block.x + i * d;
      where_[n] = block.first + i;
      if (block.weights != nullptr) weights_[n] = block.weights[i];
      n += fails;
    };
    int i = 0;
    if (all)
      for (; i < block.n; ++i) take(i, true);
    for (; i + 16 <= block.n; i += 16) {
      if (!any_below(gaps + i, travel.most())) continue;
      const std::uint32_t fails = below(gaps + i, labels + i, high);
      if (fails == 0) continue;
      for (int j = 0; j < 16; ++j) take(i + j, (fails >> j & 1) != 0);
    }
    for (; i < block.n; ++i) take(i, !(gaps[i] >= high[labels[i]]));
    n_ = n;
  }

  // Calls settle(tile) for whole tiles; the rest goes on waiting.
  template <class F>
  void settle_whole(F&& settle) {
    const bool weighted = weights_.size() != 0;
    int done = 0;
    for (; n_ - done >= kTileRows; done += kTileRows)
      settle(RowTile<T>{rows_.data() + done, where_.data() + done, weights_.data() + (weighted ? done : 0), kTileRows,
                        std::min(kTileRows, n_ - done - kTileRows)});
    if (done == 0) return;
    n_ -= done;
    std::copy_n(rows_.data() + done, n_, rows_.data());
    std::copy_n(where_.data() + done, n_, where_.data());
    if (weighted) std::copy_n(weights_.data() + done, n_, weights_.data());
  }

  // The same for what is left: less than a tile.
  template <class F>
  void settle_rest(F&& settle) {
    if (n_ == 0) return;
    std::fill_n(rows_.data() + n_, kTileRows - n_, rows_[n_ - 1]);
    settle(RowTile<T>{rows_.data(), where_.data(), weights_.data(), n_});
    n_ = 0;
  }

  // All rows: calls settle(tile, numbers) for tiles of rows by label; then again(tile) for those that
  // settle has sent back by their numbers.
  template <class F, class G>
  void settle_grouped(int k, const float* gaps, const std::int32_t* labels, F&& settle, G&& again) {
    group(k, gaps, labels);
    back_.clear();
    gather(order_, settle);
    gather(back_, [&](const RowTile<T>& tile, const std::int32_t*) { again(tile); });
    n_ = 0;
  }

  void send_back(std::int32_t number) { back_.push_back(number); }

 private:
  // Orders rows by label, and those of a label by their gaps: rows of a tile that are as far from their centre
  // look at as many others.
  void group(int k, const float* gaps, const std::int32_t* labels) {
    starts_.assign(k + 1, 0);
    order_.resize(n_);
    for (int i = 0; i < n_; ++i) ++starts_[labels[where_[i]] + 1];
    for (int j = 0; j < k; ++j) starts_[j + 1] += starts_[j];
    for (int i = 0; i < n_; ++i) order_[starts_[labels[where_[i]]]++] = i;
    // Each start is now its group's end.
    for (int j = 0, first = 0; j < k; first = starts_[j++])
      std::sort(order_.begin() + first, order_.begin() + starts_[j], [&](std::int32_t a, std::int32_t b) {
        const float x = gaps[where_[a]], y = gaps[where_[b]];
        return x != y ? x < y : a < b;
      });
  }

  // Calls visit(tile, numbers) for tiles of rows in this order.
  template <class F>
  void gather(const std::vector<std::int32_t>& order, F&& visit) const {
    const T* rows[kTileRows];
    std::int64_t where[kTileRows];
    double weights[kTileRows];
    const int all = static_cast<int>(order.size());
    for (int first = 0; first < all; first += kTileRows) {
      const int n = std::min(kTileRows, all - first);
      for (int r = 0; r < kTileRows; ++r) {
        const int i = order[first + std::min(r, n - 1)];
        rows[r] = rows_[i];
        where[r] = where_[i];
        weights[r] = weights_.size() != 0 ? weights_[i] : 1.0;
      }
      visit(RowTile<T>{rows, where, weights, n}, order.data() + first);
    }
  }

  Buffer<const T*> rows_;
  Buffer<std::int64_t> where_;  // in the partition
  Buffer<double> weights_;
  int n_ = 0;
  // Of rows grouped by label: their order, where each group begins, and those sent back.
  std::vector<std::int32_t> order_, starts_, back_;
};

}  // namespace burly

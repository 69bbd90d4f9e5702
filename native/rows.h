// The rows of a partition as kernels see them, and how threads share them out.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace burly {

// Consecutive rows of one shard. Results never depend on how shards are cut into blocks.
template <class T>
struct Block {
  const T* x;             // first row; rows follow without gaps
  const double* weights;  // nullptr: all one
  std::int64_t first;     // number of the first row in the partition
  int n;                  // rows
  int shard;              // number of the shard in the partition
};

template <class T>
class Rows {
 public:
  Rows(int d, bool weighted) : d_(d), weighted_(weighted) {}

  void add_shard(const T* x, const double* weights, std::int64_t n) {
    // About half of L2, so that what one sweep of a block read is still near for the next.
    const std::int64_t most = std::clamp<std::int64_t>((512 << 10) / (static_cast<std::int64_t>(sizeof(T)) * d_), 64, 2048) / 64 * 64;
    for (std::int64_t i = 0; i < n; i += most) {
      blocks_.push_back({x + i * d_, weights == nullptr ? nullptr : weights + i, n_ + i,
                         static_cast<int>(std::min(most, n - i)), n_shards_});
      most_ = std::max(most_, blocks_.back().n);
    }
    n_ += n;
    ++n_shards_;
  }

  int d() const { return d_; }
  std::int64_t n() const { return n_; }
  int n_shards() const { return n_shards_; }
  bool weighted() const { return weighted_; }
  int block_rows() const { return most_; }  // rows of the largest block
  const std::vector<Block<T>>& blocks() const { return blocks_; }

 private:
  int d_;
  bool weighted_;
  std::int64_t n_ = 0;
  int n_shards_ = 0;
  int most_ = 0;
  std::vector<Block<T>> blocks_;
};

// Hands out blocks, each to one thread. One cursor serves one sweep.
template <class T>
class Cursor {
 public:
  explicit Cursor(const Rows<T>& rows) : blocks_(rows.blocks()) {}
  // The next block, or nullptr when all are taken.
  const Block<T>* next() {
    const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
    return i < blocks_.size() ? &blocks_[i] : nullptr;
  }

 private:
  const std::vector<Block<T>>& blocks_;
  alignas(64) std::atomic<std::size_t> next_{0};
};

}  // namespace burly

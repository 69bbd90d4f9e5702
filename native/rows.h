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

// Hands out blocks, each to one thread. A thread has a run of blocks of its own, and takes from the far end of the
// others' once it is through: so in every round it meets the rows whose gaps and labels it wrote, and no two threads wait
// for the same new page. One cursor serves one sweep.
template <class T>
class Cursor {
 public:
  Cursor(const Rows<T>& rows, int n_threads) : blocks_(rows.blocks()), runs_(n_threads) {
    const std::uint64_t n = blocks_.size(), t = runs_.size();
    for (std::uint64_t i = 0; i < t; ++i) runs_[i].left.store(pack(n * i / t, n * (i + 1) / t), std::memory_order_relaxed);
  }

  // The next block, or nullptr when all are taken. Not inline: what it adds to a sweep spoils the loops around it.
  __attribute__((noinline)) const Block<T>* next(int thread) {
    const std::size_t n = runs_.size();
    for (std::size_t i = 0; i < n; ++i)
      if (const Block<T>* block = take(runs_[(thread + i) % n], i == 0)) return block;
    return nullptr;
  }

 private:
  // The blocks [first, last) that are not taken, in one word.
  struct alignas(64) Run {
    std::atomic<std::uint64_t> left;
  };

  static std::uint64_t pack(std::uint64_t first, std::uint64_t last) { return first << 32 | last; }

  const Block<T>* take(Run& run, bool front) {
    std::uint64_t left = run.left.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t first = left >> 32, last = left & 0xffffffff;
      if (first == last) return nullptr;
      const std::uint64_t rest = front ? pack(first + 1, last) : pack(first, last - 1);
      if (run.left.compare_exchange_weak(left, rest, std::memory_order_relaxed)) return &blocks_[front ? first : last - 1];
    }
  }

  const std::vector<Block<T>>& blocks_;
  std::vector<Run> runs_;
};

}  // namespace burly

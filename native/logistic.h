// What the kernels of logistic regression share: blocks, samples of them, and exact sums of block sums.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <vector>

#include "simd.h"

namespace burly::logistic {

// Rows of a block. Dense sums are rounded once a block, so this number shapes bits: it is a constant.
constexpr int kBlockRows = 256;

// Coefficients and sums are padded to whole groups of 64 bytes with zeros.
template <class T>
constexpr int kGroup = 64 / static_cast<int>(sizeof(T));
template <class T>
constexpr int padded(int n) {
  return (n + kGroup<T> - 1) / kGroup<T> * kGroup<T>;
}

// Which blocks a sample has depends on the shard's place in the dataset and the block's in the shard.
// (The mixing of splitmix64: Steele, Lea and Flood 2014.)
inline std::uint32_t block_hash(std::uint64_t shard, std::uint64_t block) {
  std::uint64_t z = shard * 0x9e3779b97f4a7c15u + block + 0x632be59bd9b4e019u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
}

struct Span {
  std::int64_t first;  // number of the first row in the partition
  int n;
  int shard;           // number of the shard in the partition
  std::int64_t row;    // number of the first row in the shard
  std::uint32_t hash;
};

// The blocks of a partition; samples are lists of their numbers.
class Blocks {
 public:
  void add_shard(std::uint64_t ordinal, std::int64_t n) {
    for (std::int64_t row = 0, block = 0; row < n; row += kBlockRows, ++block)
      spans_.push_back({n_ + row, static_cast<int>(std::min<std::int64_t>(kBlockRows, n - row)), n_shards_, row,
                        block_hash(ordinal, static_cast<std::uint64_t>(block))});
    n_ += n;
    ++n_shards_;
  }

  std::int64_t n() const { return n_; }
  int n_shards() const { return n_shards_; }
  const Span& operator[](std::size_t i) const { return spans_[i]; }

  std::vector<std::uint32_t> sample(std::uint64_t threshold) const {
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t i = 0; i < spans_.size(); ++i)
      if (spans_[i].hash < threshold) chosen.push_back(i);
    return chosen;
  }

 private:
  std::vector<Span> spans_;
  std::int64_t n_ = 0;
  int n_shards_ = 0;
};

// Hands out the blocks of a sample, each to one thread.
class Cursor {
 public:
  Cursor(const Blocks& blocks, std::uint64_t threshold) : blocks_(blocks), sample_(blocks.sample(threshold)) {}
  const Span* next() {
    const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
    return i < sample_.size() ? &blocks_[sample_[i]] : nullptr;
  }

 private:
  const Blocks& blocks_;
  std::vector<std::uint32_t> sample_;
  alignas(64) std::atomic<std::size_t> next_{0};
};

// What 1.5 * 2^52 adds to the bits of an integer below 2^51 when it is added to it as a double.
constexpr double kRound = 0x1.8p52;
constexpr std::uint64_t kRoundBits = 0x4338000000000000;

// How many units a term may be: a bound that leaves room for every block in 63 bits.
struct Limit {
  double units;
};

// A term, already in units, as an integer; counts it if it is above the limit.
BURLY_INLINE std::uint64_t to_units(double term, Limit limit, std::int64_t& exceeded) {
  exceeded += !(std::fabs(term) <= limit.units);
  double rounded = term + kRound;
  std::uint64_t bits;
  __builtin_memcpy(&bits, &rounded, sizeof bits);
  return bits - kRoundBits;
}

// Adds n block sums to exact ones. IN: sums[n], inverse[n] (1 / unit). IN OUT: totals[n], exceeded.
template <class T>
inline void add_block(const T* sums, const double* inverse, int n, Limit limit, std::uint64_t* totals,
                      std::int64_t& exceeded) {
  std::int64_t above = 0;
  for (int j = 0; j < n; ++j) totals[j] += to_units(static_cast<double>(sums[j]) * inverse[j], limit, above);
  exceeded += above;
}

// The first n values, then zeros: for the last columns of a row, without reading beyond it.
template <class T>
BURLY_INLINE Vec<T> load_tail(const T* from, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), from);
  else return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), from);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const auto lane = (Vec<std::int32_t>)_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (Vec<T>)_mm256_maskload_ps(from, (__m256i)(lane < splat(std::int32_t{n})));
  } else {
    const auto lane = (Vec<std::int64_t>)_mm256_setr_epi64x(0, 1, 2, 3);
    return (Vec<T>)_mm256_maskload_pd(from, (__m256i)(lane < splat(std::int64_t{n})));
  }
#else
  T values[kLanes<T>] = {};
  for (int l = 0; l < n; ++l) values[l] = from[l];
  return load<Vec<T>>(values);
#endif
}

// Memory that will be needed next, asked for into L2 a little at a time: what is asked for at once waits in a short
// queue, and the memory idles between two such bursts.
class Ahead {
 public:
  Ahead() = default;
  // n rows of so many bytes each.
  Ahead(const void* first, int n, std::int64_t row_bytes)
      : at_(static_cast<const char*>(first)), end_(at_ + n * row_bytes), share_(static_cast<int>(row_bytes / 32 + 1)) {}

  // Asks for so many lines of 64 bytes, while there are any.
  BURLY_INLINE void fetch(int lines) {
    if (at_ >= end_) return;
    for (int i = 0; i < lines; ++i) __builtin_prefetch(at_ + i * 64, 0, 2);
    at_ += lines * 64;
  }
  // A quarter of what eight rows have.
  BURLY_INLINE void fetch_share() { fetch(share_); }

 private:
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  int share_ = 0;
};

}  // namespace burly::logistic

// The exact sums of the rows of each cluster, and how they follow rows that change theirs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "exact_rows.h"
#include "memory.h"
#include "tile.h"

namespace burly {

// How sums are rounded. levels quanta a feature; features levels * d, weights two.
struct Grids {
  int levels;
  const double* quanta;         // [levels * d]
  const double* weight_quanta;  // [2], nullptr without weights
  const double* square_quanta;  // [2 * d], nullptr unless squares are asked for
};

// Rows of a tile that go from one cluster to another; from is -1 where a row was in none.
struct Moves {
  int n = 0;
  std::int32_t row[kTileRows], from[kTileRows], to[kTileRows];
};

template <class T>
class ClusterSums {
 public:
  // What one thread adds up; sums keep the constants of their terms.
  struct Part {
    Buffer<std::uint64_t> sums, weight_sums;
    Buffer<std::int64_t> counts;
  };

  ClusterSums(int k, int d, bool weighted)
      : k_(k), d_(d), weighted_(weighted), magic_(2 * static_cast<std::size_t>(d)), weight_magic_(2) {}

  void begin(const Grids& grids) {
    levels_ = grids.levels;
    for (int i = 0; i < grids.levels * d_; ++i) magic_[i] = magic_of(grids.quanta[i]);
    if (grids.weight_quanta != nullptr)
      for (int i = 0; i < 2; ++i) weight_magic_[i] = magic_of(grids.weight_quanta[i]);
  }

  void clear(Part& part) const {
    const std::size_t cells = static_cast<std::size_t>(levels_) * k_ * d_;
    if (part.sums.size() != cells)
      part = {Buffer<std::uint64_t>(cells), Buffer<std::uint64_t>(2 * static_cast<std::size_t>(k_)), Buffer<std::int64_t>(k_)};
    std::fill(part.sums.begin(), part.sums.end(), 0);
    std::fill(part.weight_sums.begin(), part.weight_sums.end(), 0);
    std::fill(part.counts.begin(), part.counts.end(), 0);
  }

  // IN: the rows of a tile and, if they are weighted, their weights.
  void move(Part& part, const T* const* rows, const double* weights, const Moves& moves) const {
    for (int i = 0; i < moves.n; ++i) {
      ++part.counts[moves.to[i]];
      if (moves.from[i] >= 0) --part.counts[moves.from[i]];
    }
    if (!weighted_) {
      if (levels_ == 1) move_rows<1, false>(part, rows, weights, moves);
      else move_rows<2, false>(part, rows, weights, moves);
      return;
    }
    if (levels_ == 1) move_rows<1, true>(part, rows, weights, moves);
    else move_rows<2, true>(part, rows, weights, moves);
    for (int i = 0; i < moves.n; ++i) {
      std::uint64_t bits[2] = {0, 0};
      add_term<2>(bits, 1, weights[moves.row[i]], weight_magic_.data(), 1);
      for (int level = 0; level < 2; ++level) {
        part.weight_sums[level * k_ + moves.to[i]] += bits[level];
        if (moves.from[i] >= 0) part.weight_sums[level * k_ + moves.from[i]] -= bits[level];
      }
    }
  }

  // Clusters [from, to) of the totals: sums[levels * k * d], weight_sums[2 * k] unless null, counts[k].
  void total(const std::vector<const Part*>& parts, int from, int to, std::int64_t* sums, std::int64_t* weight_sums,
             std::int64_t* counts) const {
    const std::int64_t stride = static_cast<std::int64_t>(k_) * d_;
    for (int j = from; j < to; ++j) {
      std::int64_t count = 0;
      for (const Part* part : parts) count += part->counts[j];
      counts[j] = count;
      const std::uint64_t less = -static_cast<std::uint64_t>(count);
      for (int level = 0; level < levels_; ++level) {
        const std::int64_t at = level * stride + static_cast<std::int64_t>(j) * d_;
        for (int f = 0; f < d_; ++f) sums[at + f] = static_cast<std::int64_t>(less * bits_of(magic_[level * d_ + f]));
        for (const Part* part : parts)
          for (int f = 0; f < d_; ++f)
            sums[at + f] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[at + f]) + part->sums[at + f]);
      }
      if (weight_sums == nullptr) continue;
      for (int level = 0; level < 2; ++level) {
        std::uint64_t sum = less * bits_of(weight_magic_[level]);
        for (const Part* part : parts) sum += part->weight_sums[level * k_ + j];
        weight_sums[level * k_ + j] = static_cast<std::int64_t>(sum);
      }
    }
  }

 private:
  // Some features of all rows at a time, so that the sums of few clusters stay in L1.
  template <int Levels, bool Weighted>
  void move_rows(Part& part, const T* const* rows, const double* weights, const Moves& moves) const {
    constexpr int kPart = 64;
    const std::int64_t d = d_, stride = k_ * d;
    for (int f = 0; f < d_; f += kPart) {
      const int n = std::min(kPart, d_ - f);
      for (int i = 0; i < moves.n; ++i) {
        const int row = moves.row[i];
        std::uint64_t* from = moves.from[i] < 0 ? nullptr : part.sums.data() + moves.from[i] * d + f;
        move_row<Levels, Weighted>(rows[row] + f, Weighted ? weights[row] : 1.0, n, magic_.data() + f, d, from,
                                   part.sums.data() + moves.to[i] * d + f, stride);
      }
    }
  }

  int k_, d_;
  bool weighted_;
  int levels_ = 1;
  Buffer<double> magic_, weight_magic_;
};

}  // namespace burly

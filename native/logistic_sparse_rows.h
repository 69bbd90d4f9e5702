// Sparse rows as a sweep wants them: few bytes a non-zero, and columns that are often used next to each other.
//
// Columns are numbered by how often the partition has them, in 16 bits where there are no more than 65536 of
// them. The entries of a row keep their order, so the numbering shapes no bit. Values are scaled column by column
// by powers of two, so that one unit serves all sums (see scale); coefficients are scaled the other way, and
// margins stay what they are.
#pragma once

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <vector>

#include "logistic_problem.h"

namespace burly::logistic {

// Rows of one shard, as the caller holds them: row i has entries starts[i] to starts[i + 1], in ascending columns.
template <class T>
struct CsrShard {
  const T* values;
  const std::int32_t* columns;
  const std::int64_t* starts;
  std::int64_t entry;  // number of the first entry in the partition
};

// Loads of whole vectors may read so many entries beyond the last.
constexpr std::size_t kSlack = 64;

template <class T>
class SparseRows {
 public:
  void add_shard(const T* values, const std::int32_t* columns, const std::int64_t* starts, std::int64_t n) {
    shards_.push_back({values, columns, starts, n_entries_});
    n_entries_ += starts[n];
  }
  const CsrShard<T>& shard(const Span& s) const { return shards_[s.shard]; }

  bool narrow() const { return columns_.size() <= 65536; }
  // The columns that occur, the most frequent first.
  const std::vector<std::int32_t>& columns() const { return columns_; }
  // What the values of a column were multiplied by.
  double factor(std::int32_t column) const { return factors_[column]; }
  // Values too large for what scale was told.
  std::int64_t above() const { return above_; }

  const std::int64_t* starts(const Span& s) const { return shard(s).starts + s.row; }
  const T* values(const Span& s) const { return values_.data() + first(s); }
  template <class Index>
  const Index* places(const Span& s) const {
    if constexpr (sizeof(Index) == 2) return narrow_.data() + first(s);
    else return wide_.data() + first(s);
  }

  // Numbers the columns; does nothing the second time.
  void number(Team& team, const Blocks& blocks, int d) {
    if (numbered_) return;
    numbered_ = true;
    std::vector<std::int64_t> counts(d, 0);
    std::mutex reporting;
    over(team, blocks, [&](auto& next) {
      std::vector<std::uint32_t> own(d, 0);
      while (const Span* s = next()) {
        const CsrShard<T>& from = shard(*s);
        for (std::int64_t e = from.starts[s->row]; e < from.starts[s->row + s->n]; ++e) ++own[from.columns[e]];
      }
      std::lock_guard guard(reporting);
      for (int j = 0; j < d; ++j) counts[j] += own[j];
    });
    for (std::int32_t j = 0; j < d; ++j)
      if (counts[j] > 0) columns_.push_back(j);
    std::stable_sort(columns_.begin(), columns_.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
    std::vector<std::uint32_t> places(d, 0);
    for (std::size_t rank = 0; rank < columns_.size(); ++rank) places[columns_[rank]] = static_cast<std::uint32_t>(rank);
    if (narrow()) put(team, blocks, places, narrow_);
    else put(team, blocks, places, wide_);
  }

  // Scales values so that value times residual times `unit` is a whole number of units: by inverse[j] / unit. With
  // inverse[j] = 1 / unit of column j and unit = 2^(bits - 1) / (the power of two at or above all weights), values
  // within their bound are at most 2 in size, and then no term exceeds 2^bits. Does nothing for the same factors.
  void scale(Team& team, const Blocks& blocks, const double* inverse, double unit, int d) {
    std::vector<double> factors(d);
    for (int j = 0; j < d; ++j) factors[j] = inverse[j] / unit;
    if (factors == factors_) return;
    factors_ = std::move(factors);
    if (values_.size() == 0) values_ = padded_buffer<T>();
    above_ = 0;
    std::mutex reporting;
    over(team, blocks, [&](auto& next) {
      std::int64_t above = 0;
      while (const Span* s = next()) {
        const CsrShard<T>& from = shard(*s);
        T* to = values_.data() + from.entry;
        for (std::int64_t e = from.starts[s->row]; e < from.starts[s->row + s->n]; ++e) {
          to[e] = static_cast<T>(from.values[e] * factors_[from.columns[e]]);
          above += !(std::fabs(to[e]) <= T{2});
        }
      }
      std::lock_guard guard(reporting);
      above_ += above;
    });
  }
  bool scaled() const { return !factors_.empty(); }

 private:
  std::int64_t first(const Span& s) const { return shard(s).entry + shard(s).starts[s.row]; }

  // Calls f(next) on every thread; next() hands out blocks.
  template <class F>
  static void over(Team& team, const Blocks& blocks, F&& f) {
    Cursor cursor(blocks, std::uint64_t{1} << 32);
    team.run([&](int) {
      auto next = [&] { return cursor.next(); };
      f(next);
    });
  }

  template <class I>
  Buffer<I> padded_buffer() const {
    const std::size_t n = static_cast<std::size_t>(n_entries_);
    Buffer<I> buffer(n + kSlack);
    std::fill(buffer.begin() + n, buffer.end(), I{0});
    return buffer;
  }

  template <class Index>
  void put(Team& team, const Blocks& blocks, const std::vector<std::uint32_t>& places, Buffer<Index>& into) {
    into = padded_buffer<Index>();
    over(team, blocks, [&](auto& next) {
      while (const Span* s = next()) {
        const CsrShard<T>& from = shard(*s);
        Index* to = into.data() + from.entry;
        for (std::int64_t e = from.starts[s->row]; e < from.starts[s->row + s->n]; ++e)
          to[e] = static_cast<Index>(places[from.columns[e]]);
      }
    });
  }

  std::vector<CsrShard<T>> shards_;
  std::int64_t n_entries_ = 0;
  bool numbered_ = false;
  std::vector<std::int32_t> columns_;
  std::vector<double> factors_;
  std::int64_t above_ = 0;
  Buffer<std::uint16_t> narrow_;
  Buffer<std::uint32_t> wide_;
  Buffer<T> values_;
};

}  // namespace burly::logistic

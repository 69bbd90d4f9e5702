// Passes over rows for given centres: labels, distances, inertia, the farthest rows.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include <nanobind/stl/optional.h>
#include <optional>

#include "bind.h"
#include "exact.h"
#include "kmeans_centres.h"
#include "kmeans_nearest.h"
#include "rows.h"
#include "team.h"

namespace burly {
namespace {

// Calls visit(thread, pointers, block, first, n) for tiles of consecutive rows of every block.
template <class T, class F>
void for_tiles(Team& team, const Rows<T>& rows, F&& visit) {
  const int d = rows.d();
  Cursor<T> cursor(rows, team.size());
  team.run([&](int thread) {
    const T* pointers[kTileRows];
    while (const Block<T>* block = cursor.next(thread))
      for (int first = 0; first < block->n; first += kTileRows) {
        const int n = std::min(kTileRows, block->n - first);
        for (int i = 0; i < kTileRows; ++i)
          pointers[i] = block->x + static_cast<std::int64_t>(first + std::min(i, n - 1)) * d;
        visit(thread, pointers, *block, first, n);
      }
  });
}

// What each thread has met: 0 as long as all values are finite, and so are sums of their squares.
template <class T>
class Poison {
 public:
  explicit Poison(int n_threads) : parts_(n_threads) {}
  void add(int thread, T odd) { parts_[thread].odd += odd; }
  bool none() const {
    return std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.odd == 0; });
  }

 private:
  struct alignas(64) Part {
    T odd = 0;
  };
  std::vector<Part> parts_;
};

// Returns whether no value is odd: not finite, or so large that the square of its row's norm is not.
template <class T>
bool assign(Team& team, const Rows<T>& rows, const T* centres, const T* shift, int k, std::int32_t* labels) {
  const int d = rows.d();
  Centres<T> prepared(k, d);
  prepared.set(centres, shift);
  std::vector<Nearest<T>> nearest;
  for (int t = 0; t < team.size(); ++t) nearest.emplace_back(k, d);
  Poison<T> poison(team.size());
  for_tiles(team, rows, [&](int thread, const T* const* pointers, const Block<T>& block, int first, int n) {
    Nearest<T>& found = nearest[thread];
    found.find(pointers, shift, prepared, nullptr, 0);
    poison.add(thread, found.poison());
    for (int r = 0; r < n; ++r) labels[block.first + first + r] = static_cast<std::int32_t>(found.index[r]);
  });
  return poison.none();
}

// |x - c|, straight from the differences: no digits cancel. Lanes are rows. Returns whether the distances to the
// first centre are all finite.
template <class T>
bool distances(Team& team, const Rows<T>& rows, const T* centres, const T* shift, int k, T* out) {
  using V = Vec<T>;
  const int d = rows.d();
  Centres<T> prepared(k, d);
  prepared.set(centres, shift);
  std::vector<Buffer<T>> tiles;
  for (int t = 0; t < team.size(); ++t) tiles.emplace_back(static_cast<std::size_t>(kTileRows) * d);
  Poison<T> poison(team.size());
  for_tiles(team, rows, [&](int thread, const T* const* pointers, const Block<T>& block, int first, int n) {
    T* tile = tiles[thread].data();
    fill_tile(pointers, d, shift, tile);
    alignas(64) T found[kSubRows<T>];
    for (int s = 0; s < n; s += kSubRows<T>) {
      const T* subtile = tile + static_cast<std::int64_t>(s) * d;
      for (int j = 0; j < k; ++j) {
        const T* centre = prepared.shifted(j);
        V sum[kRowVectors];
        BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) sum[r] = V{};
        for (int f = 0; f < d; ++f) {
          const T* column = subtile + static_cast<std::int64_t>(f) * kSubRows<T>;
          BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) {
            const V off = load<V>(column + r * kLanes<T>) - splat(centre[f]);
            sum[r] = fma(off, off, sum[r]);
          }
        }
        BURLY_UNROLL for (int r = 0; r < kRowVectors; ++r) store(found + r * kLanes<T>, sqrt(sum[r]));
        for (int r = 0; r < std::min(kSubRows<T>, n - s); ++r)
          out[(block.first + first + s + r) * k + j] = found[r];
        if (j == 0)
          for (int r = 0; r < kSubRows<T>; ++r) poison.add(thread, found[r] - found[r]);
      }
    }
  });
  return poison.none();
}

// |x - c|^2 in double: eight lanes of features, brought together in one fixed order.
template <class T>
BURLY_INLINE double squared_distance(const T* x, const T* centre, int d) {
  using D = Pack<double, 8>;
  using X = Pack<T, 8>;
  D sum = D{};
  int f = 0;
  for (; f + 8 <= d; f += 8) {
    const D off = __builtin_convertvector(load<X>(x + f), D) - __builtin_convertvector(load<X>(centre + f), D);
    sum += off * off;
  }
  for (int lane = 0; f < d; ++f, ++lane) {
    const double off = static_cast<double>(x[f]) - static_cast<double>(centre[f]);
    sum[lane] += off * off;
  }
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

// Calls visit(thread, block, row, square) for every row with its squared distance to the own centre.
template <class T, class F>
void for_own_distances(Team& team, const Rows<T>& rows, const T* centres, const std::int32_t* labels, F&& visit) {
  const int d = rows.d();
  Cursor<T> cursor(rows, team.size());
  team.run([&](int thread) {
    while (const Block<T>* block = cursor.next(thread))
      for (int i = 0; i < block->n; ++i) {
        const std::int64_t at = block->first + i;
        visit(thread, *block, i,
              squared_distance(block->x + static_cast<std::int64_t>(i) * d,
                               centres + static_cast<std::int64_t>(labels[at]) * d, d));
      }
  });
}

// The exact sum of the weighted squared distances to the own centre, and the largest of them.
template <class T>
void own_distances(Team& team, const Rows<T>& rows, const T* centres, const std::int32_t* labels, const double* quanta,
                   std::int64_t* sum, double* largest) {
  struct alignas(64) Part {
    std::uint64_t sums[2] = {0, 0};
    double largest = 0;
  };
  std::vector<Part> parts(team.size());
  const double magic[2] = {magic_of(quanta[0]), magic_of(quanta[1])};
  for_own_distances(team, rows, centres, labels, [&](int thread, const Block<T>& block, int i, double square) {
    Part& part = parts[thread];
    const double term = block.weights == nullptr ? square : square * block.weights[i];
    part.largest = part.largest > term ? part.largest : term;
    add_term<2>(part.sums, 1, term, magic, 1);
  });
  for (int level = 0; level < 2; ++level) {
    std::uint64_t total = -static_cast<std::uint64_t>(rows.n()) * bits_of(magic[level]);
    for (const Part& part : parts) total += part.sums[level];
    sum[level] = static_cast<std::int64_t>(total);
  }
  *largest = 0;
  for (const Part& part : parts) *largest = std::max(*largest, part.largest);
}

// The n rows with a weight that are farthest from their own centres, by falling distance, then by their number.
// OUT: where[n], squares[n]. Returns how many there are.
template <class T>
int farthest(Team& team, const Rows<T>& rows, const T* centres, const std::int32_t* labels, int n, std::int64_t* where,
             double* squares) {
  struct Far {
    double square;
    std::int64_t at;
    bool operator<(const Far& other) const { return square != other.square ? square > other.square : at < other.at; }
  };
  struct alignas(64) Part {
    std::vector<Far> found;
    double least = 0;  // what is nearer is not among the n
  };
  std::vector<Part> parts(team.size());
  const auto cut = [n](std::vector<Far>& found) {
    if (static_cast<int>(found.size()) <= n) return;
    std::nth_element(found.begin(), found.begin() + n - 1, found.end());
    found.resize(n);
  };
  for_own_distances(team, rows, centres, labels, [&](int thread, const Block<T>& block, int i, double square) {
    // A row without weight is as good as absent.
    if (block.weights != nullptr && !(block.weights[i] > 0)) return;
    Part& part = parts[thread];
    if (!(square >= part.least)) return;
    part.found.push_back({square, block.first + i});
    if (static_cast<int>(part.found.size()) < 2 * n + 64) return;
    cut(part.found);
    part.least = part.found.back().square;
  });
  std::vector<Far> all;
  for (const Part& part : parts) all.insert(all.end(), part.found.begin(), part.found.end());
  cut(all);
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    where[i] = all[i].at;
    squares[i] = all[i].square;
  }
  return static_cast<int>(all.size());
}

void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

template <class T>
void expect_labels(const Rows<T>& rows, const In2<T>& centres, const In1<std::int32_t>& labels) {
  const auto n = static_cast<std::size_t>(rows.n());
  expect(centres.shape(1) == static_cast<std::size_t>(rows.d()) && labels.shape(0) == n, "centers is (k, d), labels (n,)");
  const auto k = static_cast<std::int32_t>(centres.shape(0));
  bool all = true;
  for (std::size_t i = 0; i < n; ++i) all &= labels.data()[i] >= 0 && labels.data()[i] < k;
  expect(all, "labels are in [0, k)");
}

template <class T>
void register_type(nb::module_& m) {
  m.def(
      "assign",
      [](Team& team, const Rows<T>& rows, In2<T> centres, In1<T> shift, Out1<std::int32_t> labels) {
        const auto d = static_cast<std::size_t>(rows.d());
        expect(centres.shape(0) > 0 && centres.shape(1) == d && shift.shape(0) == d, "centers is (k, d), shift (d,)");
        expect(labels.shape(0) == static_cast<std::size_t>(rows.n()), "one label a row");
        nb::gil_scoped_release released;
        return assign(team, rows, centres.data(), shift.data(), static_cast<int>(centres.shape(0)), labels.data());
      },
      nb::arg("team"), nb::arg("rows"), nb::arg("centers"), nb::arg("shift"), nb::arg("labels"));
  m.def(
      "distances",
      [](Team& team, const Rows<T>& rows, In2<T> centres, In1<T> shift, Out2<T> out) {
        const auto d = static_cast<std::size_t>(rows.d());
        expect(centres.shape(1) == d && shift.shape(0) == d, "centers is (k, d), shift (d,)");
        expect(out.shape(0) == static_cast<std::size_t>(rows.n()) && out.shape(1) == centres.shape(0), "out is (n, k)");
        nb::gil_scoped_release released;
        return distances(team, rows, centres.data(), shift.data(), static_cast<int>(centres.shape(0)), out.data());
      },
      nb::arg("team"), nb::arg("rows"), nb::arg("centers"), nb::arg("shift"), nb::arg("out"));
  m.def(
      "own_distances",
      [](Team& team, const Rows<T>& rows, In2<T> centres, In1<std::int32_t> labels, In1<double> quanta,
         Out1<std::int64_t> sum) {
        expect_labels(rows, centres, labels);
        expect(quanta.shape(0) == 2 && sum.shape(0) == 2, "two quanta, two sums");
        double largest = 0;
        nb::gil_scoped_release released;
        own_distances(team, rows, centres.data(), labels.data(), quanta.data(), sum.data(), &largest);
        return largest;
      },
      nb::arg("team"), nb::arg("rows"), nb::arg("centers"), nb::arg("labels"), nb::arg("quanta"), nb::arg("sum"));
  m.def(
      "farthest",
      [](Team& team, const Rows<T>& rows, In2<T> centres, In1<std::int32_t> labels, Out1<std::int64_t> where,
         Out1<double> squares) {
        expect_labels(rows, centres, labels);
        expect(where.shape(0) > 0 && where.shape(0) == squares.shape(0), "a place and a distance for each");
        nb::gil_scoped_release released;
        return farthest(team, rows, centres.data(), labels.data(), static_cast<int>(where.shape(0)), where.data(),
                        squares.data());
      },
      nb::arg("team"), nb::arg("rows"), nb::arg("centers"), nb::arg("labels"), nb::arg("where"), nb::arg("squares"));
}

}  // namespace

void register_kmeans_assign(nb::module_& m) {
  register_type<float>(m);
  register_type<double>(m);
}

}  // namespace burly

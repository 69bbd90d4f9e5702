#include "kmeans_seed.h"

#include <nanobind/stl/optional.h>

#include <optional>
#include <stdexcept>

#include "bind.h"
#include "kmeans_draws.h"

namespace burly {
namespace {

void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

template <class T>
void sweep(Seeder<T>& seeder, Team& team, In2<T> fresh, In2<T> trials, Out2<double> totals) {
  const auto d = static_cast<std::size_t>(seeder.d());
  const std::size_t n_trials = trials.shape(0);
  expect(fresh.shape(1) == d && trials.shape(1) == d, "seeds and trials are (n, d)");
  expect(n_trials <= kMostTrials, "too many trials");
  expect(totals.shape(0) == static_cast<std::size_t>(seeder.n_shards()) &&
             totals.shape(1) == std::max<std::size_t>(1, n_trials),
         "totals is (n_shards, n_trials)");
  nb::gil_scoped_release released;
  seeder.sweep(team, fresh.data(), static_cast<int>(fresh.shape(0)), trials.data(), static_cast<int>(n_trials),
               totals.data());
}

template <class T>
void register_type(nb::module_& m, const char* name) {
  using S = Seeder<T>;
  nb::class_<S>(m, name, "What seeding keeps between rounds.")
      .def(nb::init<const Rows<T>&, int>(), nb::arg("rows"), nb::arg("n_threads"), nb::keep_alive<1, 2>())
      .def_prop_ro("n_seeds", &S::n_seeds)
      .def("forget", &S::forget)
      .def("sweep", &sweep<T>, nb::arg("team"), nb::arg("fresh"), nb::arg("trials"), nb::arg("totals"))
      .def(
          "pick",
          [](S& seeder, Team& team, In1<std::int32_t> trial, In1<std::int32_t> shard, In1<double> at,
             Out1<std::int64_t> rows) {
            const std::size_t n = rows.shape(0);
            expect(trial.shape(0) == n && shard.shape(0) == n && at.shape(0) == n, "one of each a draw");
            for (std::size_t i = 0; i < n; ++i)
              expect(shard.data()[i] >= 0 && shard.data()[i] < seeder.n_shards() && trial.data()[i] >= 0 &&
                         trial.data()[i] < std::max(1, seeder.n_trials()),
                     "no such shard or trial");
            nb::gil_scoped_release released;
            seeder.pick(team, static_cast<int>(n), trial.data(), shard.data(), at.data(), rows.data());
          },
          nb::arg("team"), nb::arg("trial"), nb::arg("shard"), nb::arg("at"), nb::arg("rows"))
      .def(
          "sample",
          [](S& seeder, Team& team, std::uint64_t seed, std::uint32_t draw, In1<std::int64_t> ordinals, double factor) {
            expect(ordinals.shape(0) == static_cast<std::size_t>(seeder.n_shards()), "one ordinal a shard");
            std::vector<std::int64_t> found;
            nb::gil_scoped_release released;
            seeder.sample(team, seed, draw, ordinals.data(), factor, found);
            return found;
          },
          nb::arg("team"), nb::arg("seed"), nb::arg("draw"), nb::arg("ordinals"), nb::arg("factor"))
      .def(
          "race",
          [](S& seeder, Team& team, std::uint64_t seed, std::uint32_t draw, In1<std::int64_t> ordinals,
             Out1<double> keys) {
            expect(ordinals.shape(0) == static_cast<std::size_t>(seeder.n_shards()), "one ordinal a shard");
            expect(keys.shape(0) == static_cast<std::size_t>(seeder.n()), "one key a row");
            nb::gil_scoped_release released;
            seeder.race(team, seed, draw, ordinals.data(), keys.data());
          },
          nb::arg("team"), nb::arg("seed"), nb::arg("draw"), nb::arg("ordinals"), nb::arg("keys"))
      .def("nearest",
           [](S& seeder) {
             return nb::ndarray<const T, nb::numpy, nb::ndim<1>>(
                 seeder.nearest(), {static_cast<std::size_t>(seeder.n())}, nb::find(seeder));
           })
      .def("whose", [](S& seeder) {
        return nb::ndarray<const std::int32_t, nb::numpy, nb::ndim<1>>(
            seeder.whose(), {static_cast<std::size_t>(seeder.n())}, nb::find(seeder));
      });
}

// Uniform numbers for whole shards, or -log of them. OUT: out[n_shards * n_trials].
void draw_shards(std::uint64_t seed, std::uint32_t draw, In1<std::int64_t> ordinals, bool exponential,
                 Out2<double> out) {
  expect(ordinals.shape(0) == out.shape(0), "one ordinal a shard");
  const std::size_t n_trials = out.shape(1);
  double* to = out.data();
  for (std::size_t s = 0; s < out.shape(0); ++s)
    for (std::size_t t = 0; t < n_trials; ++t, ++to) {
      // The two kinds of number that a shard and trial need are not the same draw.
      const auto trial = static_cast<std::uint32_t>(2 * t + (exponential ? 1 : 0));
      *to = uniform(seed, kWholeShard, static_cast<std::uint32_t>(ordinals.data()[s]), draw, trial);
      if (exponential) *to = -log(splat(*to))[0];
    }
}

}  // namespace

void register_kmeans_seed(nb::module_& m) {
  register_type<float>(m, "SeederF32");
  register_type<double>(m, "SeederF64");
  m.def("draw_shards", &draw_shards, nb::arg("seed"), nb::arg("draw"), nb::arg("ordinals"), nb::arg("exponential"),
        nb::arg("out"));
  m.def(
      "philox",
      [](std::uint64_t seed, std::uint32_t row, std::uint32_t shard, std::uint32_t draw, std::uint32_t trial) {
        const Words words = philox(seed, row, shard, draw, trial);
        return std::vector<std::uint32_t>(words.of, words.of + 4);
      },
      nb::arg("seed"), nb::arg("row"), nb::arg("shard"), nb::arg("draw"), nb::arg("trial"));
}

}  // namespace burly

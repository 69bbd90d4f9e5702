// Logistic regression over sparse rows: one sweep of a block for margins, losses and all sums.
#include <memory>
#include <mutex>

#include "logistic_bind.h"
#include "logistic_sparse_moments.h"
#include "logistic_sparse_sweep.h"

namespace burly::logistic {
namespace {

template <class T>
class Sparse {
 public:
  Problem<T> problem;

  void add_shard(const T* values, const std::int32_t* columns, const std::int64_t* starts, const double* weights,
                 std::int64_t n, std::uint64_t ordinal) {
    problem.add_rows(ordinal, weights, n);
    rows_.add_shard(values, columns, starts, n);
  }

  void moments(Team& team, std::uint64_t threshold, const MomentsRequest& ask) {
    sparse_moments(problem, rows_, team, threshold, ask);
  }
  void column_bounds(Team& team, std::uint64_t threshold, double* most, std::int64_t* nonfinite) {
    sparse_bounds(problem, rows_, team, threshold, most, nonfinite);
  }

  void evaluate(Team& team, std::uint64_t threshold, const Request& ask) {
    if (ask.keep >= 0) problem.open_slot(ask.keep);
    // See scale: inverse_weight is 2^bits / (the power of two at or above the weight of a block).
    const double unit = ask.inverse_weight * (kBlockRows / 2);
    rows_.number(team, problem.blocks, problem.d);
    if (ask.gradient != nullptr || !rows_.scaled())
      rows_.scale(team, problem.blocks, ask.inverse, unit, problem.d);
    if (threads_.size() < static_cast<std::size_t>(team.size())) threads_.resize(team.size());
    set_coefficients(ask);
    if (ask.gradient != nullptr) *ask.exceeded += rows_.above();
    Cursor cursor(problem.blocks, threshold);
    std::mutex reporting;
    team.run([&](int thread) {
      if (!threads_[thread]) threads_[thread] = std::make_unique<Thread>();
      Thread& own = *threads_[thread];
      own.prepare(problem, rows_.columns().size(), ask.gradient != nullptr);
      if (rows_.narrow()) problem.weighted() ? sweep<std::uint16_t, true>(cursor, ask, unit, own)
                                             : sweep<std::uint16_t, false>(cursor, ask, unit, own);
      else problem.weighted() ? sweep<std::uint32_t, true>(cursor, ask, unit, own)
                              : sweep<std::uint32_t, false>(cursor, ask, unit, own);
      {
        std::lock_guard guard(reporting);
        report(problem, ask, own.work);
        if (ask.gradient != nullptr)
          for (int k = 0; k < problem.outputs(); ++k)
            ask.gradient[static_cast<std::size_t>(k) * (problem.d + 1) + problem.d] +=
                static_cast<std::int64_t>(own.intercept[k]);
      }
      if (ask.gradient == nullptr) return;
      team.barrier();
      gather(team.size(), thread, ask.gradient);
    });
  }

 private:
  struct Thread {
    BlockWork<T> work;
    Buffer<std::uint64_t> totals;  // [place][stride]
    std::vector<std::uint64_t> intercept;
    std::vector<double> row;

    void prepare(const Problem<T>& problem, std::size_t n_columns, bool gradient) {
      const int outputs = problem.outputs();
      work.resize(outputs, problem.n_classes);
      intercept.assign(outputs, 0);
      row.resize(stride<double>(outputs));
      if (!gradient) return;
      const std::size_t size = n_columns * stride<double>(outputs);
      if (totals.size() != size) totals = Buffer<std::uint64_t>(size);
      std::fill(totals.begin(), totals.end(), 0);
    }
  };

  // Places of one column's outputs: one, or whole vectors.
  template <class V>
  static int stride(int outputs) {
    return outputs == 1 ? 1 : (outputs + kLanes<V> - 1) / kLanes<V> * kLanes<V>;
  }

  // Coefficients by place, scaled against the values.
  void set_coefficients(const Request& ask) {
    const int outputs = problem.outputs(), d = problem.d, width = stride<T>(outputs);
    const auto& columns = rows_.columns();
    w_.assign(columns.size() * width, T{0});
    b_.assign(width, T{0});
    for (int k = 0; k < outputs; ++k) {
      const double* coef = ask.coef + static_cast<std::size_t>(k) * (d + 1);
      for (std::size_t place = 0; place < columns.size(); ++place)
        w_[place * width + k] =
            static_cast<T>(static_cast<T>(coef[columns[place]]) / rows_.factor(columns[place]));
      b_[k] = static_cast<T>(coef[d]);
    }
  }

  template <class Index, bool Weighted>
  void sweep(Cursor& cursor, const Request& ask, double unit, Thread& own) {
    const int outputs = problem.outputs();
    BlockWork<T>& work = own.work;
    Request intercepts = ask;
    intercepts.inverse = ask.inverse + problem.d;
    while (const Span* span = cursor.next()) {
      const Span& s = *span;
      const T* x = rows_.values(s);
      const Index* at = rows_.template places<Index>(s);
      const std::int64_t* starts = rows_.starts(s);
      problem.fill(s, work.rows);
      count_labels(problem, s, ask, work);
      if (outputs == 1) sparse_margins(x, at, starts, s.n, w_.data(), b_[0], work.z.data());
      else sparse_margins(x, at, starts, s.n, outputs, stride<T>(outputs), w_.data(), b_.data(), work.z.data());
      problem.idle(s.n, work.z.data());
      BinaryLoss<Weighted> binary;
      Eight loss(0.0);
      some_rows<T, Weighted, false>(outputs, 0, padded_rows(s.n), work, binary, loss);
      if (ask.keep >= 0) problem.keep(ask.keep, s, work.z.data());
      if (ask.gradient != nullptr) {
        if (outputs == 1) scatter(x, at, starts, s.n, work.r.data(), unit, own.totals.data());
        else scatter(x, at, starts, s.n, outputs, stride<double>(outputs), work.r.data(), unit, own.row.data(),
                     own.totals.data());
      }
      close_block(s, 0, outputs, outputs == 1 ? binary.value() : loss.sum(), intercepts, work, own.intercept.data(),
                  nullptr, nullptr);
    }
  }

  // Adds up one thread's share of the columns over all threads, and puts them where they belong.
  void gather(int n_threads, int thread, std::int64_t* gradient) const {
    const auto& columns = rows_.columns();
    const int outputs = problem.outputs(), width = stride<double>(outputs);
    const std::size_t share = (columns.size() + n_threads - 1) / n_threads;
    const std::size_t first = std::min(columns.size(), share * thread), end = std::min(columns.size(), first + share);
    for (int k = 0; k < outputs; ++k) {
      std::int64_t* to = gradient + static_cast<std::size_t>(k) * (problem.d + 1);
      for (std::size_t place = first; place < end; ++place) {
        std::uint64_t sum = 0;
        for (int t = 0; t < n_threads; ++t) sum += threads_[t]->totals[place * width + k];
        to[columns[place]] += static_cast<std::int64_t>(sum);
      }
    }
  }

  SparseRows<T> rows_;
  std::vector<T> w_, b_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

template <class T>
void register_type(nb::module_& m, const char* name) {
  using S = Sparse<T>;
  auto cls = nb::class_<S>(m, name, "Sparse rows of a partition, borrowed: the caller keeps the arrays alive.");
  cls.def("__init__", [](S* self, int d) { new (self) S(); self->problem.d = d; }, nb::arg("n_features"));
  cls.def(
      "add_shard",
      [](S& self, In1<T> values, In1<std::int32_t> columns, In1<std::int64_t> starts,
         std::optional<In1<double>> weights, std::uint64_t ordinal) {
        const std::int64_t n = static_cast<std::int64_t>(starts.shape(0)) - 1;
        if (n < 0 || values.shape(0) != columns.shape(0) || starts.data()[0] != 0 ||
            starts.data()[n] != static_cast<std::int64_t>(values.shape(0)))
          throw std::invalid_argument("values, columns and row starts do not fit together");
        if (weights && static_cast<std::int64_t>(weights->shape(0)) != n) throw std::invalid_argument("one weight a row");
        self.add_shard(values.data(), columns.data(), starts.data(), weights ? weights->data() : nullptr, n, ordinal);
      },
      nb::arg("values"), nb::arg("columns"), nb::arg("starts"), nb::arg("weights").none(), nb::arg("ordinal"));
  bind_problem<S>(cls);
}

// Margins of rows, output by output in double, entry after entry.
template <class T>
void margins(Team& team, In1<T> values, In1<std::int32_t> columns, In1<std::int64_t> starts, In2<double> coef,
             Out2<double> out) {
  const std::int64_t n = static_cast<std::int64_t>(starts.shape(0)) - 1;
  const std::int64_t outputs = static_cast<std::int64_t>(coef.shape(0)), d = static_cast<std::int64_t>(coef.shape(1)) - 1;
  if (static_cast<std::int64_t>(out.shape(0)) != n || static_cast<std::int64_t>(out.shape(1)) != outputs)
    throw std::invalid_argument("rows, coefficients and margins do not fit together");
  nb::gil_scoped_release release;
  std::atomic<std::int64_t> next{0};
  team.run([&](int) {
    for (std::int64_t first; (first = next.fetch_add(kBlockRows, std::memory_order_relaxed)) < n;)
      for (std::int64_t i = first; i < std::min(first + kBlockRows, n); ++i)
        for (std::int64_t k = 0; k < outputs; ++k) {
          const double* w = coef.data() + k * (d + 1);
          double z = w[d];
          for (std::int64_t e = starts.data()[i]; e < starts.data()[i + 1]; ++e)
            z = fma(static_cast<double>(values.data()[e]), w[columns.data()[e]], z);
          out.data()[i * outputs + k] = z;
        }
  });
}

template <class T>
void register_margins(nb::module_& m, const char* name) {
  m.def(name, &margins<T>, nb::arg("team"), nb::arg("values"), nb::arg("columns"), nb::arg("starts"), nb::arg("coef"),
        nb::arg("margins"));
}

}  // namespace

void register_sparse(nb::module_& m) {
  register_type<float>(m, "LogisticSparseF32");
  register_type<double>(m, "LogisticSparseF64");
  register_margins<float>(m, "logistic_margins_sparseF32");
  register_margins<double>(m, "logistic_margins_sparseF64");
}

}  // namespace burly::logistic

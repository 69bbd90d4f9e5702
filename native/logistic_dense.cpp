// Logistic regression over dense rows: one sweep of a block in L1 for margins, losses and all sums.
#include <memory>
#include <mutex>

#include "logistic_bind.h"
#include "logistic_margins.h"
#include "logistic_moments.h"
#include "logistic_problem.h"
#include "logistic_sums.h"
#include "logistic_syrk.h"

namespace burly::logistic {
namespace {

template <class T>
class Dense {
 public:
  Problem<T> problem;

  void add_shard(const T* x, const double* weights, std::int64_t n, std::uint64_t ordinal) {
    problem.add_rows(ordinal, weights, n);
    x_.push_back(x);
  }
  const T* x(const Span& s) const { return x_[s.shard] + s.row * problem.d; }

  void moments(Team& team, std::uint64_t threshold, const MomentsRequest& ask) {
    dense_moments(problem, team, threshold, ask, [this](const Span& s) { return x(s); });
  }
  void column_bounds(Team& team, std::uint64_t threshold, double* most, std::int64_t* nonfinite) {
    dense_bounds(problem, team, threshold, most, nonfinite, [this](const Span& s) { return x(s); });
  }

  void evaluate(Team& team, std::uint64_t threshold, const Request& ask) {
    const bool curved = ask.curvature != nullptr || ask.hessian != nullptr;
    if (ask.keep >= 0) problem.open_slot(ask.keep);
    if (threads_.size() < static_cast<std::size_t>(team.size())) threads_.resize(team.size());
    Cursor cursor(problem.blocks, threshold);
    std::mutex reporting;
    team.run([&](int thread) {
      if (!threads_[thread]) threads_[thread] = std::make_unique<Thread>();
      Thread& own = *threads_[thread];
      own.prepare(problem, ask);
      if (problem.weighted()) {
        if (curved) sweep<true, true>(cursor, ask, own);
        else sweep<true, false>(cursor, ask, own);
      } else {
        if (curved) sweep<false, true>(cursor, ask, own);
        else sweep<false, false>(cursor, ask, own);
      }
      {
        std::lock_guard guard(reporting);
        report(problem, ask, own.work);
        own.add_to(ask);
      }
      if (ask.hessian == nullptr) return;
      team.barrier();
      // Every thread adds up its share of the Hessian.
      const std::size_t size = own.hessian.size();
      const std::size_t share = (size + team.size() - 1) / team.size();
      const std::size_t first = std::min(size, share * thread), end = std::min(size, share * (thread + 1));
      for (int t = 0; t < team.size(); ++t) {
        const std::uint64_t* from = threads_[t]->hessian.data();
        for (std::size_t i = first; i < end; ++i) ask.hessian[i] += static_cast<std::int64_t>(from[i]);
      }
    });
  }

 private:
  struct Thread {
    BlockWork<T> work;
    Syrk syrk;
    Lines<T> w, sums;
    std::vector<const T*> c;
    std::vector<T*> to;
    std::vector<std::uint64_t> gradient, curvature, margin, hessian;
    int stride = 0;

    void prepare(const Problem<T>& problem, const Request& ask) {
      const int outputs = problem.outputs(), d = problem.d;
      work.resize(outputs, problem.n_classes);
      stride = padded<T>(d);
      w.assign(static_cast<std::size_t>(outputs) * stride, T{0});
      for (int k = 0; k < outputs; ++k)
        for (int j = 0; j < d; ++j)
          w[static_cast<std::size_t>(k) * stride + j] = static_cast<T>(ask.coef[static_cast<std::size_t>(k) * (d + 1) + j]);
      const int kinds = ask.gradient == nullptr ? 0 : ask.curvature == nullptr ? 1 : 3;
      sums.resize(static_cast<std::size_t>(outputs) * kinds * stride);
      c.clear();
      to.clear();
      for (int k = 0; k < outputs; ++k) {
        const T* kinds_of[] = {work.r.data(), work.h.data(), work.hz.data()};
        for (int s = 0; s < kinds; ++s) {
          c.push_back(kinds_of[s] + k * kBlockRows);
          to.push_back(sums.data() + (static_cast<std::size_t>(k) * kinds + s) * stride);
        }
      }
      const std::size_t size = static_cast<std::size_t>(outputs) * (d + 1);
      gradient.assign(kinds >= 1 ? size : 0, 0);
      curvature.assign(kinds == 3 ? size : 0, 0);
      margin.assign(kinds == 3 ? size : 0, 0);
      if (ask.hessian == nullptr) return;
      syrk.resize(d);
      syrk.set_scaling(ask.shift, ask.scale);
      const std::size_t pairs = ask.coupled ? static_cast<std::size_t>(outputs) * (outputs + 1) / 2 : outputs;
      hessian.assign(pairs * (static_cast<std::size_t>(d + 1) * (d + 2) / 2), 0);
    }

    void add_to(const Request& ask) const {
      auto add = [](const std::vector<std::uint64_t>& from, std::int64_t* into) {
        for (std::size_t i = 0; i < from.size(); ++i) into[i] += static_cast<std::int64_t>(from[i]);
      };
      add(gradient, ask.gradient);
      add(curvature, ask.curvature);
      add(margin, ask.margin);
    }
  };

  template <bool Weighted, bool Curved>
  void sweep(Cursor& cursor, const Request& ask, Thread& own) {
    const int outputs = problem.outputs(), d = problem.d;
    const int some = sub_rows<T>(d);
    BlockWork<T>& work = own.work;
    const Span* span = cursor.next();
    while (span != nullptr) {
      const Span* following = cursor.next();
      const Span& s = *span;
      const T* x = this->x(s);
      problem.fill(s, work.rows);
      count_labels(problem, s, ask, work);
      std::fill(own.sums.begin(), own.sums.end(), T{0});
      BinaryLoss<Weighted> binary;
      Eight loss(0.0);
      for (int first = 0; first < s.n; first += some) {
        const int n = std::min(some, s.n - first);
        const T* here = x + static_cast<std::int64_t>(first) * d;
        work.ahead = after(s, first + n, some, following);
        for (int k = 0; k < outputs; ++k)
          row_margins(here, n, d, own.w.data() + static_cast<std::size_t>(k) * own.stride,
                      static_cast<T>(ask.coef[static_cast<std::size_t>(k) * (d + 1) + d]),
                      work.z.data() + k * kBlockRows + first, work.ahead);
        int end = first + n;
        if (end == s.n) {
          problem.idle(s.n, work.z.data());
          end = padded_rows(s.n);
        }
        some_rows<T, Weighted, Curved>(outputs, first, end, work, binary, loss);
        add_rows(here, n, d, own.c, first, own.to, work.ahead);
      }
      if (ask.keep >= 0) problem.keep(ask.keep, s, work.z.data());
      const int kinds = static_cast<int>(own.c.size()) / outputs;
      for (int k = 0; k < outputs; ++k) {
        std::uint64_t* totals[] = {own.gradient.data(), own.curvature.data(), own.margin.data()};
        for (int t = 0; t < kinds; ++t)
          add_block(own.to[k * kinds + t], ask.inverse, d, ask.limit, totals[t] + static_cast<std::size_t>(k) * (d + 1),
                    work.exceeded);
      }
      close_block(s, d, outputs, outputs == 1 ? binary.value() : loss.sum(), ask, work,
                  kinds >= 1 ? own.gradient.data() : nullptr, kinds == 3 ? own.curvature.data() : nullptr,
                  kinds == 3 ? own.margin.data() : nullptr);
      if (ask.hessian != nullptr) add_hessian<Weighted>(s, x, ask, own);
      span = following;
    }
  }

  // What is read after the rows before row `first` of a block: rows of it, or the first ones of the next block.
  Ahead after(const Span& s, int first, int some, const Span* following) const {
    const std::int64_t row_bytes = static_cast<std::int64_t>(sizeof(T)) * problem.d;
    if (first < s.n) return {x(s) + static_cast<std::int64_t>(first) * problem.d, std::min(some, s.n - first), row_bytes};
    if (following != nullptr) return {x(*following), std::min(some, following->n), row_bytes};
    return {};
  }

  template <bool Weighted>
  void add_hessian(const Span& s, const T* x, const Request& ask, Thread& own) {
    const int outputs = problem.outputs();
    const std::size_t size = static_cast<std::size_t>(problem.d + 1) * (problem.d + 2) / 2;
    BlockWork<T>& work = own.work;
    if (outputs > 1) own.syrk.pack(x, s.n);
    std::size_t pair = 0;
    for (int k = 0; k < outputs; ++k)
      for (int l = ask.coupled ? 0 : k; l <= k; ++l, ++pair) {
        if (k == l)
          for (int i = 0; i < s.n; ++i) work.u[i] = static_cast<float>(work.h[k * kBlockRows + i]);
        else
          pair_weights<Weighted>(s.n, work.rows, work.p.data() + k * kBlockRows, work.p.data() + l * kBlockRows,
                                 work.u.data());
        if (outputs == 1) own.syrk.pack_weighted(x, work.u.data(), s.n);
        else own.syrk.weigh(work.u.data());
        const float sign = k == l ? 1.0f : -1.0f;
        own.syrk.add(sign, ask.factors, ask.limit, own.hessian.data() + pair * size, work.exceeded);
      }
  }

  std::vector<const T*> x_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

template <class T>
void register_type(nb::module_& m, const char* name) {
  using D = Dense<T>;
  auto cls = nb::class_<D>(m, name, "Dense rows of a partition, borrowed: the caller keeps the arrays alive.");
  cls.def("__init__", [](D* self, int d) { new (self) D(); self->problem.d = d; }, nb::arg("n_features"));
  cls.def(
      "add_shard",
      [](D& self, In2<T> x, std::optional<In1<double>> weights, std::uint64_t ordinal) {
        if (static_cast<int>(x.shape(1)) != self.problem.d) throw std::invalid_argument("a shard has another width");
        if (weights && weights->shape(0) != x.shape(0)) throw std::invalid_argument("one weight a row");
        self.add_shard(x.data(), weights ? weights->data() : nullptr, static_cast<std::int64_t>(x.shape(0)), ordinal);
      },
      nb::arg("x"), nb::arg("weights").none(), nb::arg("ordinal"));
  bind_problem<D>(cls);
}

}  // namespace

void register_dense(nb::module_& m) {
  register_type<float>(m, "LogisticDenseF32");
  register_type<double>(m, "LogisticDenseF64");
}

}  // namespace burly::logistic

#include "team.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "bind.h"

namespace burly {
namespace {

using Clock = std::chrono::steady_clock;

// What a wait may spend awake: long enough to meet the others of a team, short enough not to burn a function's quota.
constexpr std::chrono::microseconds kAwake{50};
// The same where the last wait was no longer than this: as long as what lies between two rounds in process. A thread
// that sleeps there comes back late, and perhaps on a core that is taken.
constexpr std::chrono::microseconds kAwakeBetween{300};

// Waits while a == value: awake for so long, then asleep.
void await_change(const std::atomic<std::uint32_t>& a, std::uint32_t value, Clock::duration awake = kAwake) {
  const auto end = Clock::now() + awake;
  do {
    for (int i = 0; i < 32; ++i) {
      if (a.load(std::memory_order_acquire) != value) return;
      relax();
    }
  } while (Clock::now() < end);
  while (a.load(std::memory_order_acquire) == value) a.wait(value, std::memory_order_acquire);
}

long thread_id() {
#if defined(__linux__)
  return syscall(SYS_gettid);
#else
  std::uint64_t id = 0;
  pthread_threadid_np(nullptr, &id);
  return static_cast<long>(id);
#endif
}

// Round to nearest, denormals kept, whatever another library left behind: its bits are not ours.
class StandardArithmetic {
 public:
#if defined(__x86_64__)
  StandardArithmetic() : kept_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(0x1f80); }
  ~StandardArithmetic() { __builtin_ia32_ldmxcsr(kept_); }

 private:
  unsigned kept_;
#elif defined(__aarch64__)
  StandardArithmetic() {
    asm volatile("mrs %0, fpcr" : "=r"(kept_));
    asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  }
  ~StandardArithmetic() { asm volatile("msr fpcr, %0" : : "r"(kept_)); }

 private:
  std::uint64_t kept_;
#endif
};

}  // namespace

Team::Team(int n, bool dedicated) : n_(n), dedicated_(dedicated), pid_(getpid()) {
  if (n < 1) throw std::invalid_argument("a team has at least one thread");
  const int own = dedicated ? n : n - 1;
  seats_.resize(own);
  tids_.resize(own);
  busy_.store(own);
  // Signals belong to the interpreter's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < own; ++i) {
    seats_[i] = {this, dedicated ? i : i + 1};
    pthread_t thread;
    if (pthread_create(&thread, nullptr, &Team::enter, &seats_[i]) != 0) {
      busy_.fetch_sub(own - i);
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      close();
      throw std::runtime_error("the system refuses thread " + std::to_string(i + 1) + " of " +
                               std::to_string(own));
    }
    threads_.push_back(thread);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  for (std::uint32_t left; (left = busy_.load(std::memory_order_acquire)) != 0;) await_change(busy_, left);
}

Team::~Team() { close(); }

void Team::close() {
  std::lock_guard guard(one_caller_);
  if (closed_) return;
  closed_ = true;
  if (getpid() != pid_) return;  // after a fork the threads are not here
  job_ = nullptr;
  call_.fetch_add(1, std::memory_order_release);
  call_.notify_all();
  for (pthread_t thread : threads_) pthread_join(thread, nullptr);
  threads_.clear();
}

void* Team::enter(void* seat) {
  auto [team, thread] = *static_cast<Seat*>(seat);
  team->serve(thread);
  return nullptr;
}

void Team::serve(int thread) {
  StandardArithmetic arithmetic;
  tids_[dedicated_ ? thread : thread - 1] = thread_id();
  std::uint32_t seen = 0;
  Clock::duration awake = kAwakeBetween;
  if (busy_.fetch_sub(1, std::memory_order_release) == 1) busy_.notify_all();
  for (;;) {
    const auto begun = Clock::now();
    await_change(call_, seen, awake);
    awake = Clock::now() - begun <= kAwakeBetween ? kAwakeBetween : kAwake;
    ++seen;
    if (job_ == nullptr) return;
    job_(context_, thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
  }
}

void Team::run_erased(Job job, void* context) {
  std::lock_guard guard(one_caller_);
  if (closed_) throw std::runtime_error("the thread team is closed");
  if (getpid() != pid_) throw std::runtime_error("a thread team does not survive fork: create one in the child");
  if (!threads_.empty()) {
    job_ = job;
    context_ = context;
    busy_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
    call_.fetch_add(1, std::memory_order_release);
    call_.notify_all();
  }
  if (!dedicated_) {
    StandardArithmetic arithmetic;
    job(context, 0);
  }
  for (std::uint32_t left; (left = busy_.load(std::memory_order_acquire)) != 0;) await_change(busy_, left);
}

void Team::barrier() {
  if (n_ == 1) return;
  const std::uint32_t now = meeting_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(n_)) {
    arrived_.store(0, std::memory_order_relaxed);
    meeting_.fetch_add(1, std::memory_order_release);
    meeting_.notify_all();
  } else {
    await_change(meeting_, now);
  }
}

void register_team(nb::module_& m) {
  nb::class_<Team>(m, "Team", "The threads of one worker; run by the kernels, never from Python.")
      .def(nb::init<int, bool>(), nb::arg("n_threads"), nb::arg("dedicated"))
      .def_prop_ro("thread_ids", [](const Team& t) { return t.thread_ids(); })
      .def_prop_ro("n_threads", &Team::size)
      .def("close", &Team::close, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace burly

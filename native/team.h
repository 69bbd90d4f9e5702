// The threads of one worker: created once, parked between calls.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace burly {

// A pause that does not lose its place in the pipeline.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Team {
 public:
  // n threads work; unless dedicated, the calling thread is the first of them.
  Team(int n, bool dedicated);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return n_; }
  // Kernel thread ids of the threads this team created.
  const std::vector<long>& thread_ids() const { return tids_; }
  // Ends the threads; later calls of run are refused.
  void close();

  // Calls f(i) for i in [0, size()) , each on a thread of its own, and waits. f must not throw.
  // Throws std::runtime_error for a closed team, or one that was inherited through fork.
  template <class F>
  void run(F&& f) {
    run_erased([](void* context, int thread) { (*static_cast<std::remove_reference_t<F>*>(context))(thread); },
               &f);
  }

  // Inside run: waits until all threads of the team are here. What they wrote before is seen after.
  void barrier();

 private:
  using Job = void (*)(void*, int);
  struct Seat {
    Team* team;
    int thread;
  };

  void run_erased(Job job, void* context);
  void serve(int thread);
  static void* enter(void* seat);

  int n_;
  bool dedicated_;
  pid_t pid_;
  bool closed_ = false;
  std::mutex one_caller_;
  std::vector<pthread_t> threads_;
  std::vector<Seat> seats_;
  std::vector<long> tids_;
  Job job_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> call_{0};
  alignas(64) std::atomic<std::uint32_t> busy_{0};
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> meeting_{0};
};

}  // namespace burly

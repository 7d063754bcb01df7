// Loops over bricks on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>

#include "../brick.h"

namespace cranial {

// Calls body(i) for each i in [0, count), on each thread a body of its own from make(), `chunk` numbers at a time to
// whichever thread is free. Bodies may allocate: an exception must not leave an OpenMP region, which would end the
// process, so the first one is thrown again from here, once all threads are done.
template <class Make>
void parallel(brick::i64 count, int chunk, int threads, const Make& make) {
  std::atomic<brick::i64> next{0};
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    try {
      auto body = make();
      for (brick::i64 first; (first = next.fetch_add(chunk, std::memory_order_relaxed)) < count;)
        for (brick::i64 i = first; i < std::min(first + chunk, count); ++i) body(i);
    } catch (...) {
#pragma omp critical
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace cranial

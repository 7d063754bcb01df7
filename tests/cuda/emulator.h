// Runs CUDA kernels on the CPU, one block after another, each of its threads a coroutine that gives way at barriers
// and warp operations: what a kernel computes is tested where there is no card. Not what may race, nor how fast it is.
#pragma once

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static  // one block at a time
#define __restrict__

struct Dim3 {
  unsigned x = 1;
};
inline Dim3 threadIdx, blockIdx, blockDim, gridDim;

struct int4 {
  int x, y, z, w;
};
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

namespace emulator {

constexpr size_t STACK = 64 << 10;
constexpr unsigned LANES = 32;

struct Meeting {  // of threads that wait for one another; odd and even ones have values of their own
  unsigned arrived = 0, round = 0, members = 0;
  unsigned long long values[2][LANES];
};

struct Thread {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  bool done;
};

struct Block {
  ucontext_t scheduler;
  std::vector<Thread> threads;
  std::vector<Meeting> warps;
  Meeting all;
  unsigned current;
  bool moved;
};
inline Block block;

using Kernel = void (*)(const long long*, const double*);
struct Call {
  void* kernel;
  const long long* integers;
  const double* reals;
};
inline Call call;

inline void give_way() {
  unsigned self = block.current;
  swapcontext(&block.threads[self].context, &block.scheduler);
}

// Waits until all members have come; gives the round.
inline unsigned meet(Meeting& meeting) {
  unsigned round = meeting.round;
  block.moved = true;
  if (++meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.round;
  } else {
    while (meeting.round == round) give_way();
  }
  return round;
}

// The values of all lanes of this warp.
template <class T>
const unsigned long long* exchange(T value) {
  static_assert(sizeof(T) <= 8);
  Meeting& warp = block.warps[threadIdx.x / LANES];
  unsigned long long bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  warp.values[warp.round & 1][threadIdx.x % LANES] = bits;
  return warp.values[meet(warp) & 1];
}

template <class T>
T lane_of(const unsigned long long* values, unsigned lane) {
  T value;
  std::memcpy(&value, values + lane, sizeof value);
  return value;
}

// Integers and addresses travel in other registers than doubles do, and more arguments than a function has do no harm:
// so any kernel can be called like this under the calling conventions of Linux on x86-64 and AArch64.
inline void body() {
  const long long* i = call.integers;
  const double* d = call.reals;
  using Any = void (*)(long long, long long, long long, long long, long long, long long, long long, long long, long long,
                       long long, long long, long long, long long, long long, long long, long long, long long, long long,
                       long long, long long, double, double);
  reinterpret_cast<Any>(call.kernel)(i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11], i[12],
                                     i[13], i[14], i[15], i[16], i[17], i[18], i[19], d[0], d[1]);
  block.threads[block.current].done = true;
  block.moved = true;
}

inline void run_block(unsigned threads) {
  block.threads.resize(threads);
  block.warps.assign((threads + LANES - 1) / LANES, Meeting());
  for (size_t w = 0; w < block.warps.size(); ++w) block.warps[w].members = LANES;
  block.all = Meeting();
  block.all.members = threads;
  for (Thread& thread : block.threads) {
    if (!thread.stack) thread.stack.reset(new char[STACK]);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = STACK;
    thread.context.uc_link = &block.scheduler;
    thread.done = false;
    makecontext(&thread.context, body, 0);
  }
  for (unsigned left = threads; left > 0;) {
    block.moved = false;
    for (unsigned t = 0; t < threads; ++t) {
      if (block.threads[t].done) continue;
      block.current = threadIdx.x = t;
      swapcontext(&block.scheduler, &block.threads[t].context);
      left -= block.threads[t].done;
    }
    if (!block.moved) {
      std::fprintf(stderr, "emulator: threads of block %u wait for one another forever\n", blockIdx.x);
      std::abort();
    }
  }
}

}  // namespace emulator

inline void __syncthreads() { emulator::meet(emulator::block.all); }
inline void __syncwarp() { emulator::exchange(0); }

template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  return emulator::lane_of<T>(emulator::exchange(value), lane);
}

template <class T>
T __shfl_up_sync(unsigned, T value, int step) {
  int lane = (int)(threadIdx.x % emulator::LANES) - step;
  const unsigned long long* values = emulator::exchange(value);
  return lane < 0 ? value : emulator::lane_of<T>(values, lane);
}

inline unsigned __ballot_sync(unsigned, int predicate) {
  const unsigned long long* values = emulator::exchange(predicate != 0);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < emulator::LANES; ++lane) bits |= (unsigned)(values[lane] & 1) << lane;
  return bits;
}

inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __ffs(unsigned word) { return __builtin_ffs((int)word); }
inline int __popc(unsigned word) { return __builtin_popcount(word); }

template <class T>
T atomicAdd(T* at, T value) {
  T before = *at;
  *at += value;
  return before;
}

template <class T>
T atomicOr(T* at, T value) {
  T before = *at;
  *at |= value;
  return before;
}

extern "C" void emulate(void* kernel, unsigned blocks, unsigned threads, const long long* integers, const double* reals) {
  using namespace emulator;
  call = {kernel, integers, reals};
  gridDim.x = blocks;
  blockDim.x = threads;
  for (unsigned b = 0; b < blocks; ++b) {
    blockIdx.x = b;
    run_block(threads);
  }
}

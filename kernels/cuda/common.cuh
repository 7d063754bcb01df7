// What all kernels share. They take addresses, 64-bit integers and doubles only, so that Python can pass them plainly.
#pragma once

#include "../brick.h"

using namespace brick;

#define KERNEL extern "C" __global__ void

constexpr int LANES = 32;
constexpr u32 ALL = 0xFFFFFFFFu;
constexpr i64 NO_KEY = -1;  // sorts before every key

__device__ inline i64 thread_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 warp_index() { return thread_index() / LANES; }
__device__ inline int lane_index() { return threadIdx.x % LANES; }

struct Grid {
  const i32* coords;   // [bricks, 4]
  const u64* masks;    // [bricks, 8]
  const i64* offsets;  // [bricks + 1]
  i64 bricks;
};

__device__ inline i64 key_at(const i32* coords, i64 brick) {
  const i32* c = coords + 4 * brick;
  return key_of(c[0], c[1], c[2], c[3]);
}

__device__ inline i64 brick_of_key(const Grid& grid, i64 key) {
  i64 at = bricks_below(grid.coords, grid.bricks, key);
  return at < grid.bricks && key_at(grid.coords, at) == key ? at : -1;
}

// Position of a key in an ascending list that has it.
__device__ inline i64 position(const i64* keys, i64 count, i64 key) {
  i64 low = 0;
  while (count > 0) {
    i64 half = count / 2;
    bool below = keys[low + half] < key;
    low = below ? low + half + 1 : low;
    count = below ? count - half - 1 : half;
  }
  return low;
}

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

// A brick's mask held by a warp: lane x < 8 has the plane at x and the number of voxels before it.
struct Planes {
  u64 word;
  int before;
};

__device__ inline Planes planes_of(const u64* mask, int lane) {
  u64 word = lane < WORDS ? mask[lane] : 0;
  int own = popcount(word), before = own;
  for (int step = 1; step < WORDS; step *= 2) {
    int other = __shfl_up_sync(ALL, before, step);
    if (lane >= step) before += other;
  }
  return {word, before - own};
}

// The plane at x, the same x for all lanes, as each of them needs it.
__device__ inline Planes plane_at(const Planes& planes, int x) {
  return {__shfl_sync(ALL, planes.word, x), __shfl_sync(ALL, planes.before, x)};
}

// Number of voxels of the brick that come before this bit of the plane.
__device__ inline int rank_in(const Planes& plane, int bit) {
  return plane.before + popcount(plane.word & ((1ull << bit) - 1));
}

// Calls visit(row, x, y, z) for each voxel of a brick, in order, 32 voxels of space at a time: one warp.
template <class Visit>
__device__ void each_voxel(const u64* mask, i64 row, int lane, const Visit& visit) {
  u32 half = lane < 2 * WORDS ? reinterpret_cast<const u32*>(mask)[lane] : 0;  // little endian: z first, then y, x
  int own = __popc(half), before = own;
  for (int step = 1; step < 2 * WORDS; step *= 2) {
    int other = __shfl_up_sync(ALL, before, step);
    if (lane >= step) before += other;
  }
  before -= own;
#pragma unroll
  for (int i = 0; i < 2 * WORDS; ++i) {
    u32 bits = __shfl_sync(ALL, half, i);
    if (!bits) continue;  // the same for all lanes
    int below = __shfl_sync(ALL, before, i);
    if (bits >> lane & 1)
      visit(row + below + __popc(bits & ((1u << lane) - 1)), i / 2, i % 2 * 4 + lane / SIDE, lane % SIDE);
  }
}

// The coordinates of a brick's voxels, at their rows of `voxels` [N, 4]: one warp.
__device__ inline void write_coordinates(const i32* brick, const u64* mask, i64 row, int lane, i32* voxels) {
  i32 batch = brick[0], x0 = brick[1] * SIDE, y0 = brick[2] * SIDE, z0 = brick[3] * SIDE;
  each_voxel(mask, row, lane, [&](i64 at, int x, int y, int z) {
    reinterpret_cast<int4*>(voxels)[at] = make_int4(batch, x0 + x, y0 + y, z0 + z);
  });
}

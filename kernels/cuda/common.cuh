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

// Sum of the values of this lane and all before it.
template <class T>
__device__ inline T inclusive_sum(T value, int lane) {
  for (int step = 1; step < LANES; step *= 2) {
    T before = __shfl_up_sync(ALL, value, step);
    if (lane >= step) value += before;
  }
  return value;
}

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

// Of a brick's mask, the 16 voxels that a lane lists.
__device__ inline u32 share_of(const u64* mask, int lane) {
  return reinterpret_cast<const u16*>(mask)[lane];  // little endian: z first, then y, x
}

// Lists where a brick's voxels lie, x * 64 + y * 8 + z, in the order of rows, so that neighbouring lanes can take
// neighbouring rows; how many there are. One warp, whose list lies in shared memory, each lane with its share.
__device__ inline int list_voxels(u32 share, int lane, u16* places) {
  int own = __popc(share), sum = inclusive_sum(own, lane);
  __syncwarp();  // others may still read what was there
  u16* next = places + sum - own;
  for (; share; share &= share - 1) *next++ = (u16)(lane * 16 + __ffs(share) - 1);
  __syncwarp();
  return __shfl_sync(ALL, sum, LANES - 1);
}

// The coordinates of a brick's `count` voxels as list_voxels lists them: one warp.
__device__ inline void write_coordinates(const i32* brick, const u16* places, int count, int4* voxels, int lane) {
  i32 x = brick[1] * SIDE, y = brick[2] * SIDE, z = brick[3] * SIDE;
  for (int i = lane; i < count; i += LANES) {
    int place = places[i];
    voxels[i] = make_int4(brick[0], x + (place >> 6), y + (place >> 3 & 7), z + (place & 7));
  }
}

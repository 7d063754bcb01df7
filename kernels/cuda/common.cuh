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

// Lists the set bits in order, the lowest as `first`; where the list goes on.
__device__ inline u16* list_bits(u32 bits, int first, u16* list) {
  for (; bits; bits &= bits - 1) *list++ = (u16)(first + __ffs(bits) - 1);
  return list;
}

// The rows of a brick's voxels, in order, of which a lane holds bits 16 * lane ... 16 * lane + 15: calls visit(i, place) for
// the i-th voxel, at x * 64 + y * 8 + z, by one lane, neighbouring lanes for neighbouring rows. One warp, whose list lies in
// shared memory.
__device__ inline int list_voxels(u32 bits, int lane, u16* places) {
  int own = __popc(bits), sum = inclusive_sum(own, lane);
  __syncwarp();  // others may still read what was there
  list_bits(bits, lane * 16, places + sum - own);
  __syncwarp();
  return __shfl_sync(ALL, sum, LANES - 1);
}

// Of a brick's mask, the bits of which a lane makes a list.
__device__ inline u32 share_of(const u64* mask, int lane) { return reinterpret_cast<const u16*>(mask)[lane]; }  // little endian

// The coordinates of a brick's voxels, listed by list_voxels: one warp.
__device__ inline void write_coordinates(const i32* brick, const u16* places, int count, int4* voxels, int lane) {
  i32 x0 = brick[1] * SIDE, y0 = brick[2] * SIDE, z0 = brick[3] * SIDE;
  for (int i = lane; i < count; i += LANES) {
    int place = places[i];
    voxels[i] = make_int4(brick[0], x0 + (place >> 6), y0 + (place >> 3 & 7), z0 + (place & 7));
  }
}

// Grids from candidates: one pass makes the masks, leaves out the empty ones and counts the rows.
#pragma once

#include "scan.cuh"

constexpr int EMIT_WARPS = 8, PER_BLOCK = 32;  // 256 threads make 32 candidates, a thread for each word
constexpr u64 NO_BRICK = ~0ull;

// Where a grid is written, with room for all candidates.
struct NewGrid {
  i32* coords;   // [candidates, 4]
  u64* masks;    // [candidates, 8]
  i64* offsets;  // [candidates + 1]
  i64* counts;   // bricks, voxels, whether some brick would lie beyond what a key can hold; zero before the launch
  u64* state;    // [1 + blocks], zero before the launch
  i32* voxels = nullptr;  // [as many as there may be, 4], where their coordinates are wanted
};

// The candidates of one block, in shared memory: a mask that is empty needs no key.
struct Candidates {
  u64 masks[PER_BLOCK][WORDS + 1];  // one more: lanes that read a column meet in no bank
  i64 keys[PER_BLOCK];
};

// Writes those that have voxels where the prefix sum over all blocks says. All threads of the block call it.
__device__ inline void write_candidates(i64 block, const Candidates& made, const NewGrid& out) {
  __shared__ u64 before[PER_BLOCK];
  int warp = threadIdx.x / LANES, lane = lane_index();
  __syncthreads();
  if (warp == 0) {
    int voxels = 0;
    for (int x = 0; x < WORDS; ++x) voxels += popcount(made.masks[lane][x]);
    u64 own = voxels ? tally(1, voxels) : 0;
    u64 sum = inclusive_sum(own, lane), total = __shfl_sync(ALL, sum, LANES - 1);
    u64 prefix = prefix_of_block(out.state, block, total, lane);
    before[lane] = voxels ? prefix + sum - own : NO_BRICK;
    if (block == gridDim.x - 1 && lane == 0) {
      out.counts[0] = bricks_in(prefix + total);
      out.counts[1] = voxels_in(prefix + total);
      out.offsets[bricks_in(prefix + total)] = voxels_in(prefix + total);
    }
  }
  __syncthreads();
  int i = threadIdx.x / WORDS, x = threadIdx.x % WORDS;
  if (before[i] != NO_BRICK) {
    i64 at = bricks_in(before[i]);
    out.masks[at * WORDS + x] = made.masks[i][x];
    if (x == 0) {
      i32 c[4];
      coords_of(made.keys[i], c);
      reinterpret_cast<int4*>(out.coords)[at] = make_int4(c[0], c[1], c[2], c[3]);
    }
    if (x == 1) out.offsets[at] = voxels_in(before[i]);
    if (x == 2 && made.keys[i] == NO_KEY) out.counts[2] = 1;
  }
  if (!out.voxels) return;
  for (i = warp; i < PER_BLOCK; i += EMIT_WARPS) {
    if (before[i] == NO_BRICK) continue;
    i32 c[4];
    coords_of(made.keys[i], c);
    write_coordinates(c, made.masks[i], voxels_in(before[i]), lane, out.voxels);
  }
}

// Calls make(i, mask, lane) with a whole warp for each of `count` candidates in ascending order of keys: it fills the
// mask, eight words of shared memory that hold zeros, and returns the key. Bricks without voxels are left out.
template <class Make>
__device__ void emit(i64 count, const NewGrid& out, const Make& make) {
  __shared__ Candidates made;
  i64 block = take_ticket(out.state), first = block * PER_BLOCK;
  int warp = threadIdx.x / LANES, lane = lane_index();
  for (int i = warp; i < PER_BLOCK; i += EMIT_WARPS) {
    if (lane < WORDS) made.masks[i][lane] = 0;
    __syncwarp();
    if (first + i < count) {
      i64 key = make(first + i, made.masks[i], lane);
      if (lane == 0) made.keys[i] = key;
    }
  }
  write_candidates(block, made, out);
}

// Grids from candidates: one pass makes the masks, leaves out the empty ones and counts the rows.
#pragma once

#include "scan.cuh"

constexpr int EMIT_WARPS = 8, PER_BLOCK = 32;  // 256 threads make 32 candidates, a thread for each word

// Where a grid is written, with room for all candidates.
struct NewGrid {
  i32* coords;   // [candidates, 4]
  u64* masks;    // [candidates, 8]
  i64* offsets;  // [candidates + 1]
  i64* counts;   // bricks, voxels, whether some brick would lie beyond what a key can hold; zero before the launch
  u64* state;    // [1 + blocks], zero before the launch
  i32* voxels = nullptr;  // [as many as there may be, 4], where their coordinates are wanted
};

// What a block makes, in shared memory.
struct Candidates {
  u64 masks[PER_BLOCK][WORDS];
  i64 keys[PER_BLOCK];  // an empty one needs none
};

// Writes those that have voxels where the prefix sum over all blocks says. All threads of the block call it. `places`,
// where coordinates are wanted, is room in shared memory for a list of a brick's voxels for each warp.
__device__ inline void write_candidates(i64 block, const Candidates& made, const NewGrid& out,
                                        u16 (*places)[VOXELS] = nullptr) {
  __shared__ u64 of_warp[EMIT_WARPS], before_block;
  __shared__ i64 first_row[PER_BLOCK];
  int warp = threadIdx.x / LANES, lane = lane_index(), i = threadIdx.x / WORDS, x = threadIdx.x % WORDS;
  __syncthreads();
  u64 word = made.masks[i][x];
  bool kept = __ballot_sync(ALL, word != 0) >> (lane - x) & 0xFF;
  u64 own = tally(kept && x == 0, popcount(word)), sum = inclusive_sum(own, lane);
  if (lane == LANES - 1) of_warp[warp] = sum;
  __syncthreads();
  u64 before = sum - own, total = 0;
  for (int w = 0; w < EMIT_WARPS; ++w) {
    if (w < warp) before += of_warp[w];
    total += of_warp[w];
  }
  if (warp == 0) {
    u64 prefix = prefix_of_block(out.state, block, total, lane);
    if (lane == 0) before_block = prefix;
    if (block == gridDim.x - 1 && lane == 0) {
      out.counts[0] = bricks_in(prefix + total);
      out.counts[1] = voxels_in(prefix + total);
      out.offsets[bricks_in(prefix + total)] = voxels_in(prefix + total);
    }
  }
  __syncthreads();
  before += before_block;
  if (kept) {
    // Of a candidate's threads the first counts its brick: for the others it lies before.
    i64 brick = bricks_in(before) - (x > 0);
    out.masks[brick * WORDS + x] = word;
    if (x == 0) {
      i32 c[4];
      coords_of(made.keys[i], c);
      reinterpret_cast<int4*>(out.coords)[brick] = make_int4(c[0], c[1], c[2], c[3]);
      out.offsets[brick] = voxels_in(before);
      if (made.keys[i] == NO_KEY) out.counts[2] = 1;
    }
  }
  if (!places) return;
  if (x == 0) first_row[i] = voxels_in(before);
  __syncthreads();
  // Neighbouring candidates, which have as many voxels, go to different warps.
  for (i = warp; i < PER_BLOCK; i += EMIT_WARPS) {
    int count = list_voxels(share_of(made.masks[i], lane), lane, places[warp]);
    if (count == 0) continue;
    i32 c[4];
    coords_of(made.keys[i], c);
    write_coordinates(c, places[warp], count, reinterpret_cast<int4*>(out.voxels) + first_row[i], lane);
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

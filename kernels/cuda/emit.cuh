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

// Writes those of a block's candidates that have voxels where the prefix sum over all blocks says. All threads call it,
// each with a word of a candidate, eight threads to one; `keys`, in shared memory, has those of the candidates.
// `places`, where coordinates are wanted, is room in shared memory for a list of a brick's voxels for each warp.
__device__ inline void write_candidates(i64 block, u64 word, const i64* keys, const NewGrid& out,
                                        u16 (*places)[VOXELS] = nullptr) {
  __shared__ u64 of_warp[EMIT_WARPS];
  int warp = threadIdx.x / LANES, lane = lane_index(), x = threadIdx.x % WORDS;
  u32 filled = __ballot_sync(ALL, word != 0);
  bool kept = filled >> (lane - x) & 0xFF;
  u64 own = tally(kept && x == 0, popcount(word)), sum = inclusive_sum(own, lane);
  if (lane == LANES - 1) of_warp[warp] = sum;
  __syncthreads();
  u64 before = sum - own, total = 0;
  for (int w = 0; w < EMIT_WARPS; ++w) {
    if (w < warp) before += of_warp[w];
    total += of_warp[w];
  }
  u64 prefix = prefix_of_block(out.state, block, total);
  if (block == gridDim.x - 1 && threadIdx.x == 0) {
    out.counts[0] = bricks_in(prefix + total);
    out.counts[1] = voxels_in(prefix + total);
    out.offsets[bricks_in(prefix + total)] = voxels_in(prefix + total);
  }
  before += prefix;
  if (kept) {
    // Of a candidate's threads the first counts its brick: for the others it lies before.
    i64 brick = bricks_in(before) - (x > 0);
    out.masks[brick * WORDS + x] = word;
    if (x == 0) {
      i64 key = keys[threadIdx.x / WORDS];
      i32 c[4];
      coords_of(key, c);
      reinterpret_cast<int4*>(out.coords)[brick] = make_int4(c[0], c[1], c[2], c[3]);
      out.offsets[brick] = voxels_in(before);
      if (key == NO_KEY) out.counts[2] = 1;
    }
  }
  if (!places) return;
  for (int first = 0; first < LANES; first += WORDS) {
    if (!(filled >> first & 0xFF)) continue;
    u64 plane = __shfl_sync(ALL, word, first + lane / 4);
    int count = list_voxels(plane >> lane % 4 * 16 & 0xFFFF, lane, places[warp]);
    i64 row = voxels_in(__shfl_sync(ALL, before, first));
    i32 brick[4];
    coords_of(keys[(threadIdx.x - lane + first) / WORDS], brick);
    write_coordinates(brick, places[warp], count, reinterpret_cast<int4*>(out.voxels) + row, lane);
  }
}

// Calls make(i, mask, lane) with a whole warp for each of `count` candidates in ascending order of keys: it fills the
// mask, eight words of shared memory that hold zeros, and returns the key. Bricks without voxels are left out.
template <class Make>
__device__ void emit(i64 count, const NewGrid& out, const Make& make) {
  __shared__ u64 masks[PER_BLOCK][WORDS];
  __shared__ i64 keys[PER_BLOCK];
  i64 block = take_ticket(out.state), first = block * PER_BLOCK;
  int warp = threadIdx.x / LANES, lane = lane_index();
  for (int i = warp; i < PER_BLOCK; i += EMIT_WARPS) {
    if (lane < WORDS) masks[i][lane] = 0;
    __syncwarp();
    if (first + i < count) {
      i64 key = make(first + i, masks[i], lane);
      if (lane == 0) keys[i] = key;
    }
  }
  __syncthreads();
  write_candidates(block, masks[threadIdx.x / WORDS][threadIdx.x % WORDS], keys, out);
}

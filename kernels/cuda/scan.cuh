// Prefix sums over all blocks in a single pass. Each block publishes its own sum, then reads back over those of the
// blocks before it until it meets one that knows its prefix already, 128 at a time.
// Source: Merrill and Garland, Single-pass parallel prefix scan with decoupled look-back, NVIDIA NVR-2016-002.
//
// Status and sum are one 64-bit word, so that they become visible together and no fence is needed. Blocks are numbered
// by a ticket, in the order in which they start: those before are running or done, so waiting for them ends.
#pragma once

#include "common.cuh"

// A sum holds two: bricks above, fewer than 2^26, voxels below.
constexpr int VOXEL_BITS = 36, SUM_BITS = 62;
constexpr u64 SUM_MASK = (1ull << SUM_BITS) - 1, HAS_SUM = 1ull << SUM_BITS, HAS_PREFIX = 2ull << SUM_BITS;

__device__ inline u64 tally(i64 bricks, i64 voxels) { return (u64)bricks << VOXEL_BITS | (u64)voxels; }
__device__ inline i64 bricks_in(u64 sum) { return (i64)(sum >> VOXEL_BITS); }
__device__ inline i64 voxels_in(u64 sum) { return (i64)(sum & ((1ull << VOXEL_BITS) - 1)); }

// Number of this block, given out once to each. `state` is zero before the launch: a counter, then a word per block.
// All threads of the block call it.
__device__ inline i64 take_ticket(u64* state) {
  __shared__ i64 ticket;
  if (threadIdx.x == 0) ticket = (i64)atomicAdd(state, 1ull);
  __syncthreads();
  return ticket;
}

// Sum of all blocks before this one. One whole warp calls it, with the sum of its block.
__device__ inline u64 prefix_of_block(u64* state, i64 block, u64 sum, int lane) {
  volatile u64* words = state + 1;
  if (lane == 0) words[block] = (block == 0 ? HAS_PREFIX : HAS_SUM) | sum;
  constexpr int EACH = 4;  // words that a lane reads at once
  u64 prefix = 0;
  for (i64 last = block - 1; last >= 0; last -= EACH * LANES) {
    u64 word[EACH];
    bool waiting;
    do {
      waiting = false;
#pragma unroll
      for (int k = 0; k < EACH; ++k) {
        i64 at = last - EACH * lane - k;
        word[k] = at >= 0 ? words[at] : HAS_PREFIX;
        waiting |= word[k] >> SUM_BITS == 0;
      }
    } while (waiting);
    u64 part = 0;
    bool known = false;
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
      if (!known) part += word[k] & SUM_MASK;
      known |= word[k] >> SUM_BITS == 2;
    }
    u32 lanes = __ballot_sync(ALL, known);
    int nearest = lanes ? __ffs(lanes) - 1 : LANES - 1;
    prefix += __shfl_sync(ALL, inclusive_sum(part, lane), nearest);
    if (lanes) break;
  }
  if (lane == 0 && block > 0) words[block] = HAS_PREFIX | (prefix + sum);
  return prefix;
}

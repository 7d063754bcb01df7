// Brick keys and rows: unique keys, lookup, neighbours, children, coordinates, parents.
#include "scan.cuh"

// Each of ascending keys once, without NO_KEY; their number goes to *count.
KERNEL unique_keys(const i64* keys, i64 length, i64* unique, i64* count, u64* state) {
  __shared__ u32 heads_of[LANES];
  __shared__ u64 before[LANES];
  i64 block = take_ticket(state), i = block * blockDim.x + threadIdx.x;
  int warp = threadIdx.x / LANES, lane = lane_index(), warps = blockDim.x / LANES;
  bool head = i < length && keys[i] != NO_KEY && (i == 0 || keys[i] != keys[i - 1]);
  u32 heads = __ballot_sync(ALL, head);
  if (lane == 0) heads_of[warp] = heads;
  __syncthreads();
  if (warp == 0) {
    u64 own = lane < warps ? __popc(heads_of[lane]) : 0;
    u64 sum = inclusive_sum(own, lane), total = __shfl_sync(ALL, sum, LANES - 1);
    u64 prefix = prefix_of_block(state, block, total, lane);
    before[lane] = prefix + sum - own;
    if (block == gridDim.x - 1 && lane == 0) *count = (i64)(prefix + total);
  }
  __syncthreads();
  if (head) unique[before[warp] + __popc(heads & ((1u << lane) - 1))] = keys[i];
}

KERNEL brick_keys(const i32* coords, i64 bricks, i64* keys) {
  i64 b = thread_index();
  if (b < bricks) keys[b] = key_at(coords, b);
}

KERNEL lookup(const i32* coords, const u64* masks, const i64* offsets, i64 bricks, const i32* voxels, i64 count,
              i64* rows) {
  i64 i = thread_index();
  if (i >= count) return;
  const i32* c = voxels + 4 * i;
  i64 brick = find_brick(coords, bricks, c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3);
  const u64* mask = masks + brick * WORDS;
  bool found = brick >= 0 && occupied(mask, c[1] & 7, c[2] & 7, c[3] & 7);
  rows[i] = found ? offsets[brick] + rank(mask, c[1] & 7, c[2] & 7, c[3] & 7) : -1;
}

KERNEL neighbour_bricks(const i32* coords, i64 bricks, i32* neighbours) {
  i64 i = thread_index();
  if (i >= 27 * bricks) return;
  const i32* c = coords + 4 * (i / 27);
  int slot = (int)(i % 27);
  neighbours[i] =
      (i32)find_brick(coords, bricks, c[0], c[1] + slot / 9 - 1, c[2] + slot / 3 % 3 - 1, c[3] + slot % 3 - 1);
}

KERNEL child_bricks(const i32* coarse, i64 bricks, const i32* fine, i64 fine_bricks, i32* children) {
  i64 i = thread_index();
  if (i >= 8 * bricks) return;
  const i32* c = coarse + 4 * (i / 8);
  int slot = (int)(i % 8);
  children[i] =
      (i32)find_brick(fine, fine_bricks, c[0], 2 * c[1] + slot / 4, 2 * c[2] + slot / 2 % 2, 2 * c[3] + slot % 2);
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
    int below = __shfl_sync(ALL, before, i);
    if (bits >> lane & 1)
      visit(row + below + __popc(bits & ((1u << lane) - 1)), i / 2, i % 2 * 4 + lane / SIDE, lane % SIDE);
  }
}

// One warp a brick.
KERNEL coordinates(const i32* coords, const u64* masks, const i64* offsets, i64 bricks, i32* voxels) {
  i64 b = warp_index();
  if (b >= bricks) return;
  const i32* c = coords + 4 * b;
  i32 batch = c[0], x0 = c[1] * SIDE, y0 = c[2] * SIDE, z0 = c[3] * SIDE;
  each_voxel(masks + b * WORDS, offsets[b], lane_index(), [&](i64 row, int x, int y, int z) {
    reinterpret_cast<int4*>(voxels)[row] = make_int4(batch, x0 + x, y0 + y, z0 + z);
  });
}

// Row of the parent of voxel (x, y, z) of a fine brick in `parent`, a brick of the coarse grid or -1; -1 for none.
__device__ inline i64 parent_row(const i32* c, i64 parent, const u64* masks, const i64* offsets, int x, int y, int z) {
  if (parent < 0) return -1;
  const u64* mask = masks + parent * WORDS;
  int px = (c[1] & 1) * 4 + x / 2, py = (c[2] & 1) * 4 + y / 2, pz = (c[3] & 1) * 4 + z / 2;
  return occupied(mask, px, py, pz) ? offsets[parent] + rank(mask, px, py, pz) : -1;
}

// One warp a fine brick.
KERNEL parents(const i32* fine_coords, const u64* fine_masks, const i64* fine_offsets, i64 fine_bricks,
               const i32* coords, const u64* masks, const i64* offsets, i64 bricks, i64* rows, u8* slots) {
  i64 b = warp_index();
  if (b >= fine_bricks) return;
  const i32* c = fine_coords + 4 * b;
  i64 parent = find_brick(coords, bricks, c[0], c[1] >> 1, c[2] >> 1, c[3] >> 1);
  each_voxel(fine_masks + b * WORDS, fine_offsets[b], lane_index(), [&](i64 row, int x, int y, int z) {
    rows[row] = parent_row(c, parent, masks, offsets, x, y, z);
    slots[row] = (u8)((x & 1) * 4 + (y & 1) * 2 + (z & 1));
  });
}

// The features of every fine voxel's parent, without the list of parents: `units` pieces of Piece a row, zeros where
// there is no parent. One warp a fine brick; lanes share a row, so that memory is read and written in whole sectors.
template <class Piece>
__device__ void inherit_pieces(Grid fine, Grid coarse, const Piece* __restrict__ features, i64 units,
                               Piece* __restrict__ out) {
  __shared__ i64 row_of[8][64];
  i64 b = warp_index();
  if (b >= fine.bricks || units == 0) return;
  int lane = lane_index(), width = (int)units;
  i64* rows = row_of[threadIdx.x / LANES];
  const i32* c = fine.coords + 4 * b;
  i64 parent = find_brick(coarse.coords, coarse.bricks, c[0], c[1] >> 1, c[2] >> 1, c[3] >> 1);
  i64 first = fine.offsets[b];
  for (int x = 0; x < WORDS; ++x) {
    u64 word = fine.masks[b * WORDS + x];
    for (int bit = lane; bit < 64; bit += LANES)
      if (word >> bit & 1)
        rows[popcount(word & ((1ull << bit) - 1))] =
            parent_row(c, parent, coarse.masks, coarse.offsets, x, bit / SIDE, bit % SIDE);
    __syncwarp();
    // Row and piece advance by addition: a division for every piece would cost more than moving it.
    int pieces = popcount(word) * width, row = lane / width, piece = lane % width;
#pragma unroll 4
    for (int i = lane; i < pieces; i += LANES) {
      i64 from = rows[row];
      out[first * units + i] = from < 0 ? Piece{} : features[from * units + piece];
      row += LANES / width;
      piece += LANES % width;
      if (piece >= width) piece -= width, ++row;
    }
    __syncwarp();
    first += popcount(word);
  }
}

#define INHERIT(name, Piece)                                                                                       \
  KERNEL name(const i32* fine_coords, const u64* fine_masks, const i64* fine_offsets, i64 fine_bricks,             \
              const i32* coords, const u64* masks, const i64* offsets, i64 bricks, const Piece* features, i64 units, \
              Piece* out) {                                                                                        \
    inherit_pieces<Piece>({fine_coords, fine_masks, fine_offsets, fine_bricks}, {coords, masks, offsets, bricks},  \
                          features, units, out);                                                                   \
  }
INHERIT(inherit_1, u8)
INHERIT(inherit_2, u16)
INHERIT(inherit_4, u32)
INHERIT(inherit_16, int4)

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

// One warp a brick.
KERNEL coordinates(const i32* coords, const u64* masks, const i64* offsets, i64 bricks, i32* voxels) {
  __shared__ u16 places_of[8][VOXELS];
  i64 b = warp_index();
  if (b >= bricks) return;
  u16* places = places_of[threadIdx.x / LANES];
  int lane = lane_index();
  int count = list_voxels(share_of(masks + b * WORDS, lane), lane, places);
  write_coordinates(coords + 4 * b, places, count, reinterpret_cast<int4*>(voxels) + offsets[b], lane);
}

// What a warp knows of the parents of a fine brick's voxels: the coarse brick that they lie in, if there is one.
struct Parents {
  Planes planes;
  i64 first;  // row of the coarse brick's first voxel
  int x, y, z;  // of the octant that the fine brick covers

  __device__ Parents(const i32* c, const Grid& coarse, int lane) : x((c[1] & 1) * 4), y((c[2] & 1) * 4), z((c[3] & 1) * 4) {
    i64 brick = find_brick(coarse.coords, coarse.bricks, c[0], c[1] >> 1, c[2] >> 1, c[3] >> 1);
    planes = brick < 0 ? Planes{0, 0} : planes_of(coarse.masks + brick * WORDS, lane);
    first = brick < 0 ? 0 : coarse.offsets[brick];
  }

  // The plane of those of the fine plane at fine_x, which all lanes ask for.
  __device__ Planes plane(int fine_x) const { return plane_at(planes, x + fine_x / 2); }

  // Row of the parent of the voxel at this bit of the fine plane; -1 for none.
  __device__ i64 row(const Planes& plane, int bit) const {
    int at = (y + bit / SIDE / 2) * SIDE + z + bit % SIDE / 2;
    return plane.word >> at & 1 ? first + rank_in(plane, at) : -1;
  }
};

// One warp a fine brick.
KERNEL parents(const i32* fine_coords, const u64* fine_masks, const i64* fine_offsets, i64 fine_bricks,
               const i32* coords, const u64* masks, const i64* offsets, i64 bricks, i64* rows, u8* slots) {
  i64 b = warp_index();
  if (b >= fine_bricks) return;
  int lane = lane_index();
  Parents parents(fine_coords + 4 * b, {coords, masks, offsets, bricks}, lane);
  Planes fine = planes_of(fine_masks + b * WORDS, lane);
  i64 first = fine_offsets[b];
#pragma unroll
  for (int x = 0; x < WORDS; ++x) {
    Planes plane = plane_at(fine, x), above = parents.plane(x);
#pragma unroll
    for (int bit = lane; bit < SIDE * SIDE; bit += LANES) {
      if (!(plane.word >> bit & 1)) continue;
      i64 row = first + rank_in(plane, bit);
      rows[row] = parents.row(above, bit);
      slots[row] = (u8)(x % 2 * 4 + bit / SIDE % 2 * 2 + bit % 2);
    }
  }
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
  Parents parents(fine.coords + 4 * b, coarse, lane);
  Planes planes = planes_of(fine.masks + b * WORDS, lane);
  for (int x = 0; x < WORDS; ++x) {
    Planes plane = plane_at(planes, x), above = parents.plane(x);
    for (int bit = lane; bit < SIDE * SIDE; bit += LANES)
      if (plane.word >> bit & 1) rows[rank_in(plane, bit) - plane.before] = parents.row(above, bit);
    __syncwarp();
    // Row and piece advance by addition: a division for every piece would cost more than moving it.
    int pieces = popcount(plane.word) * width, row = lane / width, piece = lane % width;
    i64 first = (fine.offsets[b] + plane.before) * units;
#pragma unroll 4
    for (int i = lane; i < pieces; i += LANES) {
      i64 from = rows[row];
      out[first + i] = from < 0 ? Piece{} : features[from * units + piece];
      row += LANES / width;
      piece += LANES % width;
      if (piece >= width) piece -= width, ++row;
    }
    __syncwarp();
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

// Coarser and finer grids: coarsen, and occupancy upsampling.
#include "emit.cuh"

KERNEL parent_keys(const i32* coords, i64 bricks, i64* keys) {
  i64 b = thread_index();
  if (b >= bricks) return;
  const i32* c = coords + 4 * b;
  keys[b] = key_of(c[0], c[1] >> 1, c[2] >> 1, c[3] >> 1);
}

// The parents of a grid's voxels, in the bricks with these ascending keys.
KERNEL coarsen(const i32* coords, const u64* masks, i64 bricks, const i64* keys, i64 parents, i32* new_coords,
               u64* new_masks, i64* new_offsets, i64* counts, u64* state) {
  emit(parents, {new_coords, new_masks, new_offsets, counts, state}, [&](i64 i, u64* mask, int lane) {
    i32 c[4];
    coords_of(keys[i], c);
    // Four lanes a child brick, each two of its planes, which make one plane of the parent.
    int octant = lane / 4, pair = lane % 4;
    i64 child = find_brick(coords, bricks, c[0], 2 * c[1] + octant / 4, 2 * c[2] + octant / 2 % 2, 2 * c[3] + octant % 2);
    if (child >= 0) {
      const u64* planes = masks + child * WORDS + 2 * pair;
      u32 bits = coarsen_planes(planes[0], planes[1]);
      u32 rows = 0;  // four rows of four bits, eight bits apart: one half of a word
      for (int y = 0; y < 4; ++y) rows |= (bits >> 4 * y & 15) << 8 * y;
      u32* halves = reinterpret_cast<u32*>(mask + octant / 4 * 4 + pair);
      atomicOr(&halves[octant / 2 % 2], rows << octant % 2 * 4);
    }
    __syncwarp();
    return keys[i];
  });
}

// The slab and the line of brick b: a warp, whose lanes look for one border with eight of them, at eight places at a time.
__device__ inline Row row_by_warp(const Grid& grid, i64 b, int lane) {
  i64 key = key_at(grid.coords, b);
  int border = lane / 8, part = lane % 8, bits = border & 2 ? 16 : 32, end = border & 1;
  i64 wanted = (i64)(((u64)(key >> bits) + end) << bits);
  bool last = end && wanted < key;  // of all that keys can hold: there is no border above it
  i32 low = end ? (i32)b + 1 : 0, count = end ? (i32)(grid.bricks - b) - 1 : (i32)b;  // it is at one of low ... low + count
  while (__ballot_sync(ALL, count > 0)) {
    i32 at = low + (part + 1) * count / 9;
    bool below = count > 0 && (last || key_at(grid.coords, at) < wanted);
    int places = __popc(__ballot_sync(ALL, below) >> border * 8 & 0xFF);
    i32 above = __shfl_sync(ALL, at, border * 8 + (places < 8 ? places : 7));
    i32 before = __shfl_sync(ALL, at, border * 8 + (places > 0 ? places - 1 : 0));
    i32 high = places < 8 ? above : low + count;
    if (places > 0) low = before + 1;
    count = high - low;
  }
  return {__shfl_sync(ALL, low, 0), __shfl_sync(ALL, low, 8), __shfl_sync(ALL, low, 16), __shfl_sync(ALL, low, 24)};
}

__device__ inline float widen(float value) { return value; }
__device__ inline double widen(double value) { return value; }

struct Half {
  u16 bits;
};
__device__ inline float widen(Half value) {
#if defined(__CUDA_ARCH__)
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
#else
  return (float)__builtin_bit_cast(_Float16, value.bits);
#endif
}

struct BFloat {
  u16 bits;
};
__device__ inline float widen(BFloat value) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float((u32)value.bits << 16);
#else
  return __builtin_bit_cast(float, (u32)value.bits << 16);
#endif
}

// What a voxel keeps of its eight children, in two steps, so that several loads can be under way together: those whose
// logit lies above the threshold.
template <class T>
struct Logits {
  struct alignas(16) Loaded {
    T values[8];
  };
  const T* values;  // [N, 8], aligned to 16 bytes
  decltype(widen(T{})) threshold;
  __device__ Loaded load(i64 row) const {
    Loaded own;
    for (int part = 0; part < (int)sizeof own / 16; ++part)
      reinterpret_cast<int4*>(&own)[part] = reinterpret_cast<const int4*>(values + 8 * row)[part];
    return own;
  }
  __device__ u32 bits(const Loaded& own) const {
    u32 bits = 0;
    for (int child = 0; child < 8; ++child) bits |= (u32)(widen(own.values[child]) > threshold) << child;
    return bits;
  }
};

struct Bits {
  using Loaded = u8;
  const u8* values;  // [N]
  __device__ u8 load(i64 row) const { return values[row]; }
  __device__ u32 bits(u8 own) const { return own; }
};

constexpr int REFINE_WARPS = 8, BATCH = 4;  // rows whose loads a lane has under way together

// Of four voxels along z, a byte of child bits each, the lowest two bits of all: eight voxels along z of the children.
__device__ inline u32 pairs_of(u32 bytes) {
  bytes &= 0x03030303;
  bytes = (bytes | bytes >> 6) & 0x000F000F;
  return (bytes | bytes >> 12) & 0xFF;
}

// Plane x of a child brick, from the child bits [8, 8, 8] of its parent: lines of eight along z, the upper four of them
// from the second y on.
__device__ inline u64 child_plane(const u8* kids, int octant, int x) {
  const u8* from = kids + ((octant / 4 * 4 + x / 2) * SIDE + octant / 2 % 2 * 4) * SIDE + octant % 2 * 4;
  u64 plane = 0;
#pragma unroll
  for (int y = 0; y < 4; ++y) {
    u32 bytes = *reinterpret_cast<const u32*>(from + y * SIDE) >> x % 2 * 4;
    plane |= (u64)(pairs_of(bytes) | pairs_of(bytes >> 2) << 8) << 16 * y;
  }
  return plane;
}

// The keys and masks of the eight children of every brick, in the order of keys, of the voxels that `kept` says each voxel
// keeps, eight bits a row. A warp makes a brick's; their places are arithmetic, so nothing is sorted. A child that a key
// cannot hold has NO_KEY. `work` is keys [8 * bricks], masks [8 * bricks, 8] and `zeros` words that are set to zero, for
// the launch that takes the children.
template <class Kept>
__device__ void refined(const Grid& grid, const Kept& kept, u64* work, i64 zeros) {
  __shared__ u64 kids_of[REFINE_WARPS][VOXELS / 8];  // a byte for each voxel
  __shared__ u16 places_of[REFINE_WARPS][VOXELS];
  u64 *keys = work, *masks = keys + 8 * grid.bricks, *counts = masks + 8 * WORDS * grid.bricks;
  if (thread_index() < zeros) counts[thread_index()] = 0;
  i64 b = warp_index();
  if (b >= grid.bricks) return;
  int lane = lane_index();
  u64* none = kids_of[threadIdx.x / LANES];
  none[lane] = none[lane + LANES] = 0;
  u8* kids = reinterpret_cast<u8*>(none);
  u16* places = places_of[threadIdx.x / LANES];
  i64 first = grid.offsets[b];
  int voxels = (int)(grid.offsets[b + 1] - first);
  typename Kept::Loaded loaded[BATCH];
  auto load = [&](int done) {
#pragma unroll
    for (int k = 0; k < BATCH; ++k) {
      int r = done + k * LANES + lane;
      if (r < voxels) loaded[k] = kept.load(first + r);
    }
  };
  load(0);  // under way while the lanes find out where what they keep belongs
  list_voxels(share_of(grid.masks + b * WORDS, lane), lane, places);
  Row row = row_by_warp(grid, b, lane);
  for (int done = 0; done < voxels; done += BATCH * LANES) {
    if (done > 0) load(done);
#pragma unroll
    for (int k = 0; k < BATCH; ++k) {
      int r = done + k * LANES + lane;
      if (r < voxels) kids[places[r]] = (u8)kept.bits(loaded[k]);
    }
  }
  __syncwarp();
#pragma unroll
  for (int word = lane; word < 8 * WORDS; word += LANES)
    masks[child_place(row, b, word / WORDS) * WORDS + word % WORDS] = child_plane(kids, word / WORDS, word % WORDS);
  if (lane >= 8) return;
  const i32* c = grid.coords + 4 * b;
  i32 x = 2 * c[1] + lane / 4, y = 2 * c[2] + lane / 2 % 2, z = 2 * c[3] + lane % 2;
  keys[child_place(row, b, lane)] = (u64)(key_fits(c[0], x, y, z) ? key_of(c[0], x, y, z) : NO_KEY);
}

// `values` are logits [N, 8], or child bits [N], which need no threshold.
#define REFINE(name, T, kept)                                                                                        \
  KERNEL name(const i32* coords, const u64* masks, const i64* offsets, i64 bricks, const T* values, double threshold, \
              u64* work, i64 zeros) {                                                                                \
    refined({coords, masks, offsets, bricks}, kept, work, zeros);                                                    \
  }
REFINE(refine, u8, Bits{values})
REFINE(upsample_f16, Half, (Logits<Half>{values, (float)threshold}))
REFINE(upsample_bf16, BFloat, (Logits<BFloat>{values, (float)threshold}))
REFINE(upsample_f32, float, (Logits<float>{values, (float)threshold}))
REFINE(upsample_f64, double, (Logits<double>{values, threshold}))

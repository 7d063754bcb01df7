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

// The slab and the line of each brick: four searches side by side, so that their loads are under way together.
KERNEL rows_of_bricks(const i32* coords, i64 bricks, Row* rows) {
  i64 b = thread_index();
  if (b >= bricks) return;
  i64 key = key_at(coords, b), slab = key >> 32 << 32, line = key >> 16 << 16;
  i64 wanted[4] = {slab, slab + (1ll << 32), line, line + (1ll << 16)};
  i64 low[4] = {0, 0, 0, 0};
  for (i64 count = bricks; count > 1; count -= count / 2)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (key_at(coords, low[i] + count / 2 - 1) < wanted[i]) low[i] += count / 2;
#pragma unroll
  for (int i = 0; i < 4; ++i) low[i] += key_at(coords, low[i]) < wanted[i];
  rows[b] = {(i32)low[0], (i32)low[1], (i32)low[2], (i32)low[3]};
}

__device__ inline float widen(float value) { return value; }

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

// Eight child bits of a parent: those whose logit lies above the threshold.
template <class T>
struct Logits {
  const T* values;  // [N, 8], aligned to 16 bytes
  float threshold;
  __device__ u32 operator()(i64 row) const {
    alignas(16) T own[8];
    for (int part = 0; part < (int)sizeof own / 16; ++part)
      reinterpret_cast<int4*>(own)[part] = reinterpret_cast<const int4*>(values + 8 * row)[part];
    u32 bits = 0;
    for (int child = 0; child < 8; ++child) bits |= (u32)(widen(own[child]) > threshold) << child;
    return bits;
  }
};

template <>
struct Logits<double> {
  const double* values;
  double threshold;
  __device__ u32 operator()(i64 row) const {
    u32 bits = 0;
    for (int child = 0; child < 8; ++child) bits |= (u32)(values[8 * row + child] > threshold) << child;
    return bits;
  }
};

struct Bits {
  const u8* values;  // [N]
  __device__ u32 operator()(i64 row) const { return values[row]; }
};

// The children that `kept` says each voxel keeps, eight bits a row. A warp makes a child brick from the 4 × 4 × 4
// voxels of its octant of the parent, at most two a lane; `rows` gives the order, so nothing is sorted.
template <class Kept>
__device__ void refined(const Grid& grid, const Row* rows, const Kept& kept, const NewGrid& out) {
  emit(8 * grid.bricks, out, [&](i64 place, u64* mask, int lane) {
    int octant;
    i64 b = child_at(rows, place, &octant);
    u64 word = lane < WORDS ? grid.masks[b * WORDS + lane] : 0;
    i64 first = grid.offsets[b];
    int own = popcount(word), before = own;
    for (int step = 1; step < WORDS; step *= 2) {
      int other = __shfl_up_sync(ALL, before, step);
      if (lane >= step) before += other;
    }
    before -= own;
    int y = lane / 4 % 4, z = lane % 4, bit = (octant / 2 % 2 * 4 + y) * SIDE + octant % 2 * 4 + z;
    bool set[2];
    i64 row[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      int x = octant / 4 * 4 + 2 * half + lane / 16;
      u64 plane = __shfl_sync(ALL, word, x);
      set[half] = plane >> bit & 1;
      int below = __shfl_sync(ALL, before, x) + popcount(plane & ((1ull << bit) - 1));
      row[half] = first + (set[half] ? below : 0);  // a row that is there, so that both loads are under way together
    }
    u32 children[2] = {kept(row[0]), kept(row[1])};
    bool any = false;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      u32 kids = set[half] ? children[half] : 0;
      any |= kids != 0;
      int at = y % 2 * 16 + z * 2;
      u32 lower = ((kids & 3) | (kids >> 2 & 3) << 8) << at, upper = ((kids >> 4 & 3) | (kids >> 6 & 3) << 8) << at;
      for (int step = 1; step < 8; step *= 2) {  // eight lanes, two y and four z, make half a word
        lower |= __shfl_sync(ALL, lower, lane ^ step);
        upper |= __shfl_sync(ALL, upper, lane ^ step);
      }
      u32* halves = reinterpret_cast<u32*>(mask + 2 * (2 * half + lane / 16)) + y / 2;
      if (lane % 8 == 0) halves[0] = lower, halves[2] = upper;
    }
    any = __any_sync(ALL, any);
    const i32* c = grid.coords + 4 * b;
    i32 bx = 2 * c[1] + octant / 4, by = 2 * c[2] + octant / 2 % 2, bz = 2 * c[3] + octant % 2;
    if (any && !key_fits(c[0], bx, by, bz)) out.counts[2] = 1;
    return key_of(c[0], bx, by, bz);
  });
}

// `values` are logits [N, 8], or child bits [N], which need no threshold.
#define REFINE(name, T, kept)                                                                                      \
  KERNEL name(const i32* coords, const u64* masks, const i64* offsets, i64 bricks, const Row* rows, const T* values, \
              double threshold, i32* new_coords, u64* new_masks, i64* new_offsets, i64* counts, u64* state) {      \
    refined({coords, masks, offsets, bricks}, rows, kept, {new_coords, new_masks, new_offsets, counts, state});    \
  }
REFINE(refine, u8, Bits{values})
REFINE(upsample_f16, Half, (Logits<Half>{values, (float)threshold}))
REFINE(upsample_bf16, BFloat, (Logits<BFloat>{values, (float)threshold}))
REFINE(upsample_f32, float, (Logits<float>{values, (float)threshold}))
REFINE(upsample_f64, double, (Logits<double>{values, threshold}))

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

__device__ inline bool same_row(const i32* coords, i64 a, i64 b, int axes) {
  for (int axis = 0; axis < axes; ++axis)
    if (coords[4 * a + axis] != coords[4 * b + axis]) return false;
  return true;
}

// How many bricks after b (step 1) or before it (step -1) agree with it on the first axes. Rows are short: the reach
// doubles until it is beyond the end, then halves.
__device__ inline i64 bricks_alike(const i32* coords, i64 bricks, i64 b, int step, int axes) {
  i64 room = step > 0 ? bricks - 1 - b : b, inside = 0, reach = 1;
  while (inside + reach <= room && same_row(coords, b, b + step * (inside + reach), axes)) inside += reach, reach *= 2;
  for (; reach; reach /= 2)
    if (inside + reach <= room && same_row(coords, b, b + step * (inside + reach), axes)) inside += reach;
  return inside;
}

// The slab and the line of each brick.
KERNEL rows_of_bricks(const i32* coords, i64 bricks, Row* rows) {
  i64 b = thread_index();
  if (b >= bricks) return;
  rows[b] = {(i32)(b - bricks_alike(coords, bricks, b, -1, 2)), (i32)(b + 1 + bricks_alike(coords, bricks, b, 1, 2)),
             (i32)(b - bricks_alike(coords, bricks, b, -1, 3)), (i32)(b + 1 + bricks_alike(coords, bricks, b, 1, 3))};
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
    const u64* parent = grid.masks + b * WORDS;
    int x0 = octant / 4 * 4, y0 = octant / 2 % 2 * 4, z0 = octant % 2 * 4;
    bool any = false;
    for (int voxel = lane; voxel < 64; voxel += LANES) {
      int x = voxel / 16, y = voxel / 4 % 4, z = voxel % 4;
      if (!occupied(parent, x0 + x, y0 + y, z0 + z)) continue;
      u32 children = kept(grid.offsets[b] + rank(parent, x0 + x, y0 + y, z0 + z));
      if (!children) continue;
      any = true;
      u32* halves = reinterpret_cast<u32*>(mask + 2 * x) + y / 2;  // of the lower plane; the upper one is a word on
      int at = y % 2 * 16 + z * 2;
      u32 lower = (children & 3) | (children >> 2 & 3) << 8, upper = (children >> 4 & 3) | (children >> 6 & 3) << 8;
      if (lower) atomicOr(&halves[0], lower << at);
      if (upper) atomicOr(&halves[2], upper << at);
    }
    any = __any_sync(ALL, any);
    const i32* c = grid.coords + 4 * b;
    i32 x = 2 * c[1] + octant / 4, y = 2 * c[2] + octant / 2 % 2, z = 2 * c[3] + octant % 2;
    if (any && !key_fits(c[0], x, y, z)) out.counts[2] = 1;
    return key_of(c[0], x, y, z);
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

// What a brick is: 8 x 8 x 8 voxels, eight 64-bit words of occupancy, and the row of its first voxel.
//
// Word x of a brick holds the plane at that x; bit y * 8 + z of the word is the voxel (x, y, z). Rows run in
// bit order, so a voxel's row is the brick's first row + the number of set bits below it.
//
// Host and device share this file: no standard headers, no host-only types, every function is pure.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define BRICK_FN __host__ __device__ __forceinline__
#else
#define BRICK_FN static inline
#endif

namespace brick {

using i32 = int;
using i64 = long long;
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

constexpr int SIDE = 8;
constexpr int WORDS = 8;
constexpr int VOXELS = 512;
constexpr int KEY_BIAS = 1 << 15;  // brick coordinates lie in [-2^15, 2^15), voxels in [-2^18, 2^18)

BRICK_FN int popcount(u64 word) {
#if defined(__CUDA_ARCH__)
  return __popcll(word);
#else
  return __builtin_popcountll(word);
#endif
}

// Position of the lowest set bit; the word is not zero.
BRICK_FN int lowest(u64 word) {
#if defined(__CUDA_ARCH__)
  return __ffsll((long long)word) - 1;
#else
  return __builtin_ctzll(word);
#endif
}

BRICK_FN bool occupied(const u64* mask, int x, int y, int z) { return mask[x] >> (y * SIDE + z) & 1; }

// Number of voxels of the brick that come before (x, y, z).
BRICK_FN int rank(const u64* mask, int x, int y, int z) {
  int below = 0;
  for (int plane = 0; plane < x; ++plane) below += popcount(mask[plane]);
  return below + popcount(mask[x] & ((1ull << (y * SIDE + z)) - 1));
}

// One sortable integer per brick: batch, x, y, z, 16 bits each, in the order in which grids keep their bricks.
BRICK_FN i64 key_of(i32 batch, i32 x, i32 y, i32 z) {
  return ((i64)batch << 48) | ((i64)(x + KEY_BIAS) << 32) | ((i64)(y + KEY_BIAS) << 16) | (i64)(z + KEY_BIAS);
}

BRICK_FN bool key_fits(i32 batch, i32 x, i32 y, i32 z) {
  return batch >= 0 && batch < KEY_BIAS && x >= -KEY_BIAS && x < KEY_BIAS && y >= -KEY_BIAS && y < KEY_BIAS &&
         z >= -KEY_BIAS && z < KEY_BIAS;
}

BRICK_FN void coords_of(i64 key, i32* coords) {
  coords[0] = (i32)(key >> 48);
  coords[1] = (i32)(key >> 32 & 0xFFFF) - KEY_BIAS;
  coords[2] = (i32)(key >> 16 & 0xFFFF) - KEY_BIAS;
  coords[3] = (i32)(key & 0xFFFF) - KEY_BIAS;
}

// Bits of a word with y in [y0, y1) and z in [z0, z1).
BRICK_FN u64 window(int y0, int y1, int z0, int z1) {
  if (y0 >= y1 || z0 >= z1) return 0;
  u64 line = ((1u << z1) - (1u << z0)) & 0xFF;
  u64 rows = (y1 == 8 ? ~0ull : (1ull << (y1 * 8)) - 1) & ~((1ull << (y0 * 8)) - 1);
  return line * 0x0101010101010101ull & rows;
}

// Where an axis of a neighbouring brick (step -1, 0, 1) overlaps a halo of the given radius: [first, last).
BRICK_FN int halo_first(int step, int radius) { return step < 0 ? SIDE - radius : 0; }
BRICK_FN int halo_last(int step, int radius) { return step > 0 ? radius : SIDE; }

// Row of the voxel at (x, y, z), each in [-8, 16), relative to a brick with these 27 neighbours; -1 where empty.
BRICK_FN i64 halo_row(const u64* masks, const i64* offsets, const i32* neighbours, int x, int y, int z) {
  i32 other = neighbours[((x >> 3) + 1) * 9 + ((y >> 3) + 1) * 3 + (z >> 3) + 1];
  if (other < 0) return -1;
  const u64* mask = masks + (i64)other * WORDS;
  if (!occupied(mask, x & 7, y & 7, z & 7)) return -1;
  return offsets[other] + rank(mask, x & 7, y & 7, z & 7);
}

// The 4 x 4 half-resolution bits (bit y * 4 + z) of two adjacent planes: set where any of the 2 x 2 x 2 is set.
BRICK_FN u32 coarsen_planes(u64 even, u64 odd) {
  u64 word = even | odd;
  word |= word >> 1;  // pairs along z meet in the even bits
  word |= word >> 8;  // pairs along y meet in the even rows
  u32 bits = 0;
  for (int y = 0; y < 4; ++y)
    for (int z = 0; z < 4; ++z) bits |= (u32)(word >> (y * 16 + z * 2) & 1) << (y * 4 + z);
  return bits;
}

// Puts the children of voxel (x, y, z), bit 4 * dx + 2 * dy + dz of `children`, into its brick's eight child
// bricks: child brick 4 * ox + 2 * oy + oz begins at child[8 * index].
BRICK_FN void place_children(u64* child, int x, int y, int z, u32 children) {
  u64* mask = child + ((x >> 2) * 4 + (y >> 2) * 2 + (z >> 2)) * WORDS;
  int at = (y & 3) * 16 + (z & 3) * 2;
  u64 even = (children & 3) | (u64)(children >> 2 & 3) << 8;
  u64 odd = (children >> 4 & 3) | (u64)(children >> 6 & 3) << 8;
  mask[(x & 3) * 2] |= even << at;
  mask[(x & 3) * 2 + 1] |= odd << at;
}

}  // namespace brick

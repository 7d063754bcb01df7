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

// The key of a brick of a grid, coordinates [bricks, 4]. On a GPU in one load where they are aligned, as those of a slice of
// some buffer may not be.
BRICK_FN i64 key_at(const i32* coords, i64 brick) {
  const i32* c = coords + 4 * brick;
#if defined(__CUDA_ARCH__)
  if (((u64)coords & 15) == 0) {
    int4 all = *reinterpret_cast<const int4*>(c);
    return key_of(all.x, all.y, all.z, all.w);
  }
#endif
  return key_of(c[0], c[1], c[2], c[3]);
}

// Bricks of a grid, ascending coordinates [bricks, 4], whose key lies below this one.
BRICK_FN i64 bricks_below(const i32* coords, i64 bricks, i64 key) {
  i64 low = 0;
  while (bricks > 0) {
    i64 half = bricks / 2;
    bool below = key_at(coords, low + half) < key;
    low = below ? low + half + 1 : low;
    bricks = below ? bricks - half - 1 : half;
  }
  return low;
}

// Position of the brick (batch, x, y, z) in a grid, -1 where it is not there, or beyond what a key can hold.
BRICK_FN i64 find_brick(const i32* coords, i64 bricks, i32 batch, i32 x, i32 y, i32 z) {
  if (!key_fits(batch, x, y, z)) return -1;
  i64 key = key_of(batch, x, y, z), at = bricks_below(coords, bricks, key);
  return at < bricks && key_at(coords, at) == key ? at : -1;
}

// The eight bytes of a line of voxels as eight bits: byte i becomes bit i, set where the byte is not zero, for a
// tensor of bools that was a tensor of bytes may hold any.
BRICK_FN u64 pack_line(u64 bytes) {
  constexpr u64 LOW = 0x7F7F7F7F7F7F7F7Full;
  bytes = ((bytes & LOW) + LOW | bytes) >> 7 & 0x0101010101010101ull;
  return bytes * 0x0102040810204080ull >> 56;
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

// Bricks of one batch item and x are a slab of a grid, those of one y too a line. The eight children of every brick,
// sorted by coordinates, follow from where slab and line begin and end: all of a slab with the lower x come first, then
// all with the upper x; within each of these the lines follow one another, and in a line y and z do the same. So the
// place of each among all 8 * bricks children is arithmetic, and nothing is sorted.
struct Row {
  i32 slab, slab_end, line, line_end;  // bricks [slab, slab_end) and, of these, [line, line_end)
};

// Place of child `octant` = 4 * ox + 2 * oy + oz of brick b, whose row this is.
BRICK_FN i64 child_place(const Row& row, i64 b, int octant) {
  i64 slab = row.slab_end - row.slab, line = row.line_end - row.line;
  return 8 * (i64)row.slab + (octant >> 2) * 4 * slab + 4 * (i64)(row.line - row.slab) +
         (octant >> 1 & 1) * 2 * line + 2 * (b - row.line) + (octant & 1);
}

// The other way round: the brick and, in *octant, the child at a place. `rows` has one for every brick.
BRICK_FN i64 child_at(const Row* rows, i64 place, int* octant) {
  Row row = rows[place >> 3];  // of the same slab: the children of a slab fill its part of the places
  i64 rest = place - 8 * (i64)row.slab, half = 4 * (i64)(row.slab_end - row.slab);
  int ox = rest >= half;
  rest -= ox * half;
  row = rows[row.slab + (rest >> 2)];  // of the same line, likewise
  rest -= 4 * (i64)(row.line - row.slab);
  i64 line = 2 * (i64)(row.line_end - row.line);
  int oy = rest >= line;
  rest -= oy * line;
  *octant = 4 * ox + 2 * oy + (int)(rest & 1);
  return row.line + (rest >> 1);
}

// Where a ball of this squared radius ends along z at (dx, dy); -1 where it does not reach.
BRICK_FN int ball_half(int dx, int dy, double square) {
  int half = -1;
  while (dx * dx + dy * dy + (half + 1) * (half + 1) <= square) ++half;
  return half;
}

// The eight voxels of a brick's line with a set voxel at most `half` away along z; bit z + reach of the column is z.
BRICK_FN u64 widened(u64 column, int reach, int half) {
  column >>= reach - half;
  int covered = 1, wanted = 2 * half + 1;
  for (; 2 * covered <= wanted; covered *= 2) column |= column >> covered;
  return (column | column >> (wanted - covered)) & 0xFF;
}

// The smallest box with all voxels of a brick: low and high, both included, of a mask that is not empty.
BRICK_FN void extent(const u64* mask, int* low, int* high) {
  u64 all = 0;
  low[0] = SIDE;
  for (int x = 0; x < WORDS; ++x) {
    if (!mask[x]) continue;
    if (low[0] == SIDE) low[0] = x;
    high[0] = x;
    all |= mask[x];
  }
  low[1] = lowest(all) / SIDE;
  low[2] = SIDE - 1;
  high[2] = 0;
  for (int y = low[1]; y < SIDE; ++y) {
    u64 line = all >> y * SIDE & 0xFF;
    if (!line) continue;
    high[1] = y;
    for (int z = 0; z < SIDE; ++z) {
      if (!(line >> z & 1)) continue;
      if (z < low[2]) low[2] = z;
      if (z > high[2]) high[2] = z;
    }
  }
}

}  // namespace brick

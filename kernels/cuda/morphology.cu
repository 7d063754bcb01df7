// Dilation and erosion by a Euclidean ball: see cpu/morphology.cpp for the idea.
#include "common.cuh"

constexpr int MAX_SPAN = 64;  // a widened column is one word: 8 + 2 * reach bits
constexpr int MAX_DISK = MAX_SPAN - SIDE + 1, MAX_SIDE = 9;

// Keys of the bricks that a ball around some voxel of each brick can touch, (2 * steps + 1)³ a brick, NO_KEY for those
// that it cannot.
KERNEL reached_keys(const i32* coords, const u64* masks, i64 bricks, i64 reach, i64 steps, i64* keys) {
  i64 side = 2 * steps + 1, cube = side * side * side, i = thread_index();
  if (i >= bricks * cube) return;
  i64 b = i / cube, slot = i % cube;
  i64 step[3] = {slot / (side * side) - steps, slot / side % side - steps, slot % side - steps};
  int low[3], high[3];
  extent(masks + b * WORDS, low, high);
  bool reached = true;
  for (int axis = 0; axis < 3; ++axis)
    reached &= step[axis] >= (low[axis] - reach) >> 3 && step[axis] <= (high[axis] + reach) >> 3;
  const i32* c = coords + 4 * b;
  i32 x = c[1] + (i32)step[0], y = c[2] + (i32)step[1], z = c[3] + (i32)step[2];
  keys[i] = reached && key_fits(c[0], x, y, z) ? key_of(c[0], x, y, z) : NO_KEY;
}

// Masks [blocks, 8] of the bricks with these keys, one a block of 64 threads, a line of eight voxels each: dilated, or with `erode` what is left of the grid when its complement is dilated.
KERNEL dilated_masks(const i32* coords, const u64* masks, i64 bricks, const i64* keys, double square, i64 reach,
                     i64 erode, u64* out) {
  __shared__ u64 columns[MAX_SPAN * MAX_SPAN];  // bit z + reach of [x][y]: voxel (x - reach, y - reach, z)
  __shared__ signed char halves[MAX_DISK * MAX_DISK];
  __shared__ i32 near[MAX_SIDE * MAX_SIDE * MAX_SIDE];
  i32 c[4];
  coords_of(keys[blockIdx.x], c);
  int r = (int)reach, span = SIDE + 2 * r, disk = 2 * r + 1, steps = (r + SIDE - 1) / SIDE, side = 2 * steps + 1;
  for (int i = threadIdx.x; i < side * side * side; i += blockDim.x)
    near[i] = (i32)find_brick(coords, bricks, c[0], c[1] + i / (side * side) - steps, c[2] + i / side % side - steps,
                              c[3] + i % side - steps);
  for (int i = threadIdx.x; i < disk * disk; i += blockDim.x)
    halves[i] = (signed char)ball_half(i / disk - r, i % disk - r, square);
  __syncthreads();
  for (int i = threadIdx.x; i < span * span; i += blockDim.x) {
    int x = i / span - r + steps * SIDE, y = i % span - r + steps * SIDE;  // from the corner of the nearby bricks
    const i32* along = near + (x / SIDE * side + y / SIDE) * side;
    u64 column = 0;
    for (int dz = 0; dz < side; ++dz) {
      if (along[dz] < 0) continue;
      u64 line = masks[(i64)along[dz] * WORDS + x % SIDE] >> y % SIDE * SIDE & 0xFF;
      int shift = (dz - steps) * SIDE + r;
      column |= shift >= 0 ? line << shift : line >> -shift;
    }
    columns[i] = column;
  }
  __syncthreads();
  int x = threadIdx.x / SIDE, y = threadIdx.x % SIDE;
  u64 bits = 0;
  for (int i = 0; i < disk * disk; ++i) {
    if (halves[i] < 0) continue;
    u64 column = columns[(x + i / disk) * span + y + i % disk];
    bits |= widened(erode ? ~column : column, r, halves[i]);
  }
  u8* lines = reinterpret_cast<u8*>(out + (i64)blockIdx.x * WORDS);
  u64 own = 0xFF;
  if (erode) {
    own = masks[(i64)near[side * side * side / 2] * WORDS + x] >> y * SIDE & 0xFF;
    bits = ~bits;
  }
  lines[threadIdx.x] = (u8)(own & bits);
}

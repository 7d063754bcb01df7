// Grids from dense volumes and coordinate lists, and back.
#include "emit.cuh"

KERNEL from_dense(const u8* dense, i64 batch, i64 nx, i64 ny, i64 nz, i64 ox, i64 oy, i64 oz, i32* coords, u64* masks,
                  i64* offsets, i64* counts, u64* state) {
  i64 lx = ox >> 3, ly = oy >> 3, lz = oz >> 3;  // bricks of the box, from low to high
  i64 bx = ((ox + nx - 1) >> 3) - lx + 1, by = ((oy + ny - 1) >> 3) - ly + 1, bz = ((oz + nz - 1) >> 3) - lz + 1;
  emit(batch * bx * by * bz, {coords, masks, offsets, counts, state}, [&](i64 i, u64* mask, int lane) {
    i64 item = i / (bx * by * bz);
    i32 x = (i32)(lx + i / (by * bz) % bx), y = (i32)(ly + i / bz % by), z = (i32)(lz + i % bz);
    i64 x0 = (i64)x * SIDE - ox, y0 = (i64)y * SIDE - oy, z0 = (i64)z * SIDE - oz;
    u8* lines = reinterpret_cast<u8*>(mask);  // byte y of word x: little endian
    for (int line = lane; line < 64; line += LANES) {
      i64 vx = x0 + line / SIDE, vy = y0 + line % SIDE;
      if (vx < 0 || vx >= nx || vy < 0 || vy >= ny) continue;
      const u8* from = dense + ((item * nx + vx) * ny + vy) * nz + z0;
      u64 bytes = 0;
      if (z0 >= 0 && z0 + SIDE <= nz && (reinterpret_cast<u64>(from) & 7) == 0)
        bytes = *reinterpret_cast<const u64*>(from);
      else
        for (int k = 0; k < SIDE; ++k)
          if (z0 + k >= 0 && z0 + k < nz) bytes |= (u64)from[k] << 8 * k;
      lines[line] = (u8)pack_line(bytes);
    }
    __syncwarp();
    return key_of((i32)item, x, y, z);
  });
}

// One warp a brick; the volume holds zeros.
KERNEL to_dense(const i32* coords, const u64* masks, i64 bricks, u8* dense, i64 batch, i64 nx, i64 ny, i64 nz, i64 ox,
                i64 oy, i64 oz) {
  i64 b = warp_index();
  if (b >= bricks) return;
  const i32* c = coords + 4 * b;
  if (c[0] >= batch) return;
  i64 x0 = (i64)c[1] * SIDE - ox, y0 = (i64)c[2] * SIDE - oy, z0 = (i64)c[3] * SIDE - oz;
  for (int line = lane_index(); line < 64; line += LANES) {
    i64 x = x0 + line / SIDE, y = y0 + line % SIDE;
    if (x < 0 || x >= nx || y < 0 || y >= ny) continue;
    u64 bits = masks[b * WORDS + line / SIDE] >> (line % SIDE * SIDE) & 0xFF;
    u8* to = dense + ((c[0] * nx + x) * ny + y) * nz + z0;
    for (int k = 0; k < SIDE; ++k)
      if (bits >> k & 1 && z0 + k >= 0 && z0 + k < nz) to[k] = 1;
  }
}

// The key of each voxel's brick; NO_KEY, and *beyond set, where grids cannot hold it.
KERNEL voxel_keys(const i32* voxels, i64 count, i64* keys, i64* beyond) {
  i64 i = thread_index();
  if (i >= count) return;
  const i32* c = voxels + 4 * i;
  bool fits = key_fits(c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3);
  if (!fits) *beyond = 1;
  keys[i] = fits ? key_of(c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3) : NO_KEY;
}

// Sets the bit of each voxel in the masks [bricks, 8] of ascending keys, in whatever order.
KERNEL mark_voxels(const i32* voxels, i64 count, const i64* keys, i64 bricks, u64* masks) {
  i64 i = thread_index();
  if (i >= count) return;
  const i32* c = voxels + 4 * i;
  if (!key_fits(c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3)) return;
  i64 at = position(keys, bricks, key_of(c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3));
  atomicOr(&masks[at * WORDS + (c[1] & 7)], 1ull << ((c[2] & 7) * SIDE + (c[3] & 7)));
}

// The grid of bricks with these ascending keys and masks, without those that are empty; NO_KEY stands for one beyond what
// keys can hold. `voxels`, where it is not 0, gets the coordinates.
KERNEL assemble(const i64* keys, const u64* from, i64 bricks, i32* voxels, i32* coords, u64* masks, i64* offsets,
                i64* counts, u64* state) {
  __shared__ Candidates made;
  __shared__ u16 places[EMIT_WARPS][VOXELS];
  i64 block = take_ticket(state);
  int i = threadIdx.x / WORDS, x = threadIdx.x % WORDS;
  i64 at = block * PER_BLOCK + i;
  made.masks[i][x] = at < bricks ? from[at * WORDS + x] : 0;
  if (x == 0 && at < bricks) made.keys[i] = keys[at];
  write_candidates(block, made, {coords, masks, offsets, counts, state, voxels}, voxels ? places : nullptr);
}

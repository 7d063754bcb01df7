// Set operations, pruning, cropping: word by word on the masks.
#include "emit.cuh"

KERNEL prune(const i32* coords, const u64* masks, const i64* offsets, i64 bricks, const u8* keep, i32* new_coords,
             u64* new_masks, i64* new_offsets, i64* counts, u64* state) {
  emit(bricks, {new_coords, new_masks, new_offsets, counts, state}, [&](i64 b, u64* mask, int lane) {
    const u64* from = masks + b * WORDS;
    i64 row = offsets[b];
    for (int x = 0; x < WORDS; ++x) {
      u64 word = from[x];
      u32 kept[2];
      for (int half = 0; half < 2; ++half) {
        int bit = half * LANES + lane;
        bool set = word >> bit & 1 && keep[row + popcount(word & ((1ull << bit) - 1))];
        kept[half] = __ballot_sync(ALL, set);
      }
      if (lane == 0) mask[x] = (u64)kept[1] << LANES | kept[0];
      row += popcount(word);
    }
    __syncwarp();
    return key_at(coords, b);
  });
}

KERNEL crop(const i32* coords, const u64* masks, i64 bricks, i64 lx, i64 ly, i64 lz, i64 hx, i64 hy, i64 hz,
            i32* new_coords, u64* new_masks, i64* new_offsets, i64* counts, u64* state) {
  emit(bricks, {new_coords, new_masks, new_offsets, counts, state}, [&](i64 b, u64* mask, int lane) {
    const i32* c = coords + 4 * b;
    i64 low[3] = {lx, ly, lz}, high[3] = {hx, hy, hz};
    int from[3], to[3];
    for (int axis = 0; axis < 3; ++axis) {
      i64 start = (i64)c[1 + axis] * SIDE, first = low[axis] - start, last = high[axis] - start;
      from[axis] = (int)(first < 0 ? 0 : first > SIDE ? SIDE : first);
      to[axis] = (int)(last < 0 ? 0 : last > SIDE ? SIDE : last);
    }
    if (lane >= from[0] && lane < to[0])
      mask[lane] = masks[b * WORDS + lane] & window(from[1], to[1], from[2], to[2]);
    __syncwarp();
    return key_at(coords, b);
  });
}

// The union (operation 0), intersection (1) or difference (2) of grids a and b, from the ascending keys of all bricks
// that may be in it.
KERNEL combine(const i32* a_coords, const u64* a_masks, i64 a_bricks, const i32* b_coords, const u64* b_masks,
               i64 b_bricks, const i64* keys, i64 count, i64 operation, i32* coords, u64* masks,
               i64* offsets, i64* counts, u64* state) {
  Grid a{a_coords, a_masks, nullptr, a_bricks}, b{b_coords, b_masks, nullptr, b_bricks};
  emit(count, {coords, masks, offsets, counts, state}, [&](i64 i, u64* mask, int lane) {
    i64 in_a = brick_of_key(a, keys[i]), in_b = brick_of_key(b, keys[i]);
    if (lane < WORDS) {
      u64 p = in_a < 0 ? 0 : a.masks[in_a * WORDS + lane], q = in_b < 0 ? 0 : b.masks[in_b * WORDS + lane];
      mask[lane] = operation == 0 ? p | q : operation == 1 ? p & q : p & ~q;
    }
    __syncwarp();
    return keys[i];
  });
}

// Set operations, pruning and cropping: word by word on the masks.
#include "grid.h"

namespace cranial {

GridData combine(const GridView& a, const GridView& b, SetOperation operation) {
  std::vector<i64> a_keys = keys_of(a), b_keys = keys_of(b), keys;
  std::vector<u64> masks;
  for (i64 i = 0, j = 0; i < a.bricks || j < b.bricks;) {
    bool in_a = i < a.bricks && (j == b.bricks || a_keys[i] <= b_keys[j]);
    bool in_b = j < b.bricks && (i == a.bricks || b_keys[j] <= a_keys[i]);
    keys.push_back(in_a ? a_keys[i] : b_keys[j]);
    for (int x = 0; x < WORDS; ++x) {
      u64 p = in_a ? a.masks[i * WORDS + x] : 0, q = in_b ? b.masks[j * WORDS + x] : 0;
      masks.push_back(operation == SetOperation::unite ? p | q : operation == SetOperation::intersect ? p & q : p & ~q);
    }
    i += in_a;
    j += in_b;
  }
  return assemble(keys, masks);
}

GridData prune(const GridView& grid, const u8* keep) {
  std::vector<u64> masks(grid.masks, grid.masks + grid.bricks * WORDS);
  for (u64& mask : masks)
    for (u64 word = mask; word; word &= word - 1)
      if (!*keep++) mask &= ~(word & (~word + 1));
  return assemble(keys_of(grid), masks);
}

GridData crop(const GridView& grid, const i32* low, const i32* high) {
  std::vector<u64> masks(grid.bricks * WORDS, 0);
  for (i64 b = 0; b < grid.bricks; ++b) {
    i64 from[3], to[3];
    for (int axis = 0; axis < 3; ++axis) {
      i64 start = (i64)grid.coords[4 * b + 1 + axis] * SIDE;
      from[axis] = low[axis] - start < 0 ? 0 : low[axis] - start;
      to[axis] = high[axis] - start > SIDE ? SIDE : high[axis] - start;
    }
    if (from[1] >= to[1] || from[2] >= to[2]) continue;
    u64 kept = window((int)from[1], (int)to[1], (int)from[2], (int)to[2]);
    for (i64 x = from[0]; x < to[0]; ++x) masks[b * WORDS + x] = grid.masks[b * WORDS + x] & kept;
  }
  return assemble(keys_of(grid), masks);
}

}  // namespace cranial

// Brick keys: sorting, lookup, neighbours and children.
#include <algorithm>
#include <climits>

#include "grid.h"

namespace cranial {

namespace {

constexpr i64 TABLE_CELLS = 4 << 20;

// Bounding box of keys; false where it has more cells than a table may have.
bool modest_box(const std::vector<i64>& keys, i32* low, i32* size) {
  i32 high[4] = {INT_MIN, INT_MIN, INT_MIN, INT_MIN};
  std::fill(low, low + 4, INT_MAX);
  for (i64 key : keys) {
    i32 coords[4];
    coords_of(key, coords);
    for (int axis = 0; axis < 4; ++axis) {
      low[axis] = std::min(low[axis], coords[axis]);
      high[axis] = std::max(high[axis], coords[axis]);
    }
  }
  i64 cells = 1;
  for (int axis = 0; axis < 4; ++axis) {
    size[axis] = keys.empty() ? 0 : high[axis] - low[axis] + 1;
    cells *= size[axis];
    if (cells > TABLE_CELLS) return false;
  }
  return cells <= 64 * (i64)keys.size() + (1 << 16);  // a table much larger than its content only costs time
}

i64 cell_of(const i32* coords, const i32* low, const i32* size) {
  i64 cell = 0;
  for (int axis = 0; axis < 4; ++axis) {
    i32 at = coords[axis] - low[axis];
    if (at < 0 || at >= size[axis]) return -1;
    cell = cell * size[axis] + at;
  }
  return cell;
}

}  // namespace

std::vector<i64> keys_of(const GridView& grid) {
  std::vector<i64> keys(grid.bricks);
  for (i64 b = 0; b < grid.bricks; ++b) {
    const i32* c = grid.coords + 4 * b;
    keys[b] = key_of(c[0], c[1], c[2], c[3]);
  }
  return keys;
}

void sort_unique(std::vector<i64>& keys) {
  i32 low[4], size[4];
  if (keys.size() < 256 || !modest_box(keys, low, size)) {
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return;
  }
  std::vector<u8> seen((size_t)size[0] * size[1] * size[2] * size[3], 0);
  for (i64 key : keys) {
    i32 coords[4];
    coords_of(key, coords);
    seen[cell_of(coords, low, size)] = 1;
  }
  keys.clear();
  i64 cell = 0;
  for (i32 b = 0; b < size[0]; ++b)
    for (i32 x = 0; x < size[1]; ++x)
      for (i32 y = 0; y < size[2]; ++y)
        for (i32 z = 0; z < size[3]; ++z)
          if (seen[cell++]) keys.push_back(key_of(low[0] + b, low[1] + x, low[2] + y, low[3] + z));
}

GridData assemble(const std::vector<i64>& keys, const std::vector<u64>& masks) {
  GridData grid;
  grid.coords.reserve(4 * keys.size());
  grid.masks.reserve(8 * keys.size());
  grid.offsets.reserve(keys.size() + 1);
  grid.offsets.push_back(0);
  for (size_t b = 0; b < keys.size(); ++b) {
    const u64* mask = masks.data() + WORDS * b;
    int voxels = 0;
    for (int x = 0; x < WORDS; ++x) voxels += popcount(mask[x]);
    if (voxels == 0) continue;
    i32 coords[4];
    coords_of(keys[b], coords);
    grid.coords.insert(grid.coords.end(), coords, coords + 4);
    grid.masks.insert(grid.masks.end(), mask, mask + WORDS);
    grid.offsets.push_back(grid.offsets.back() + voxels);
  }
  return grid;
}

BrickIndex::BrickIndex(const std::vector<i64>& keys) : keys_(keys) {
  if (!modest_box(keys, low_, size_)) return;
  table_.assign((size_t)size_[0] * size_[1] * size_[2] * size_[3], -1);
  for (size_t b = 0; b < keys.size(); ++b) {
    i32 coords[4];
    coords_of(keys[b], coords);
    table_[cell_of(coords, low_, size_)] = (i32)b;
  }
}

i64 BrickIndex::find(i64 key) const {
  if (keys_.empty()) return -1;
  if (!table_.empty()) {
    i32 coords[4];
    coords_of(key, coords);
    i64 cell = cell_of(coords, low_, size_);
    return cell < 0 ? -1 : table_[cell];
  }
  auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
  return at == keys_.end() || *at != key ? -1 : at - keys_.begin();
}

i64 Cursor::find(i64 key) {
  // Gallop, so that one long stride costs its logarithm.
  i64 step = 1;
  while (at_ + step < count_ && keys_[at_ + step] < key) step *= 2;
  at_ = std::lower_bound(keys_ + at_ + step / 2, keys_ + std::min(at_ + step + 1, count_), key) -
        keys_;
  return at_ < count_ && keys_[at_] == key ? at_ : -1;
}

namespace {

// Adding the same step to every brick keeps their order, so each of the steps walks along the keys once.
i64 step_key(i64 key, int scale, int dx, int dy, int dz) {
  i32 c[4];
  coords_of(key, c);
  i32 x = c[1] * scale + dx, y = c[2] * scale + dy, z = c[3] * scale + dz;
  return key_fits(c[0], x, y, z) ? key_of(c[0], x, y, z) : -1;
}

}  // namespace

void neighbour_bricks(const GridView& grid, i32* neighbours) {
  std::vector<i64> keys = keys_of(grid);
  for (int slot = 0; slot < 27; ++slot) {
    Cursor cursor(keys.data(), grid.bricks);
    for (i64 b = 0; b < grid.bricks; ++b) {
      i64 key = step_key(keys[b], 1, slot / 9 - 1, slot / 3 % 3 - 1, slot % 3 - 1);
      neighbours[27 * b + slot] = key < 0 ? -1 : (i32)cursor.find(key);
    }
  }
}

void child_bricks(const GridView& coarse, const GridView& fine, i32* children) {
  std::vector<i64> keys = keys_of(coarse), fine_keys = keys_of(fine);
  for (int slot = 0; slot < 8; ++slot) {
    Cursor cursor(fine_keys.data(), fine.bricks);
    for (i64 b = 0; b < coarse.bricks; ++b) {
      i64 key = step_key(keys[b], 2, slot / 4, slot / 2 % 2, slot % 2);
      children[8 * b + slot] = key < 0 ? -1 : (i32)cursor.find(key);
    }
  }
}

}  // namespace cranial

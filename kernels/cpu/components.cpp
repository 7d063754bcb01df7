// Connected components: union-find over rows.
#include <utility>

#include "grid.h"

namespace cranial {

namespace {

i64 find_root(i64* parent, i64 row) {
  while (parent[row] != row) row = parent[row] = parent[parent[row]];  // path halving
  return row;
}

}  // namespace

void components(const GridView& grid, const i32* neighbours, int connectivity, i64* roots) {
  for (i64 row = 0; row < grid.offsets[grid.bricks]; ++row) roots[row] = row;
  for (i64 b = 0; b < grid.bricks; ++b) {
    i64 row = grid.offsets[b];
    for (int x = 0; x < WORDS; ++x) {
      for (u64 word = grid.masks[b * WORDS + x]; word; word &= word - 1, ++row) {
        int y = lowest(word) / SIDE, z = lowest(word) % SIDE;
        for (int slot = 0; slot < 13; ++slot) {  // the other 13 directions are these, seen from the other side
          int dx = slot / 9 - 1, dy = slot / 3 % 3 - 1, dz = slot % 3 - 1;
          if (connectivity == 6 && dx * dx + dy * dy + dz * dz != 1) continue;
          i64 other = halo_row(grid.masks, grid.offsets, neighbours + 27 * b, x + dx, y + dy, z + dz);
          if (other < 0) continue;
          i64 p = find_root(roots, row), q = find_root(roots, other);
          if (p > q) std::swap(p, q);
          roots[q] = p;
        }
      }
    }
  }
  for (i64 row = 0; row < grid.offsets[grid.bricks]; ++row) roots[row] = find_root(roots, row);
}

}  // namespace cranial

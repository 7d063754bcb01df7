// Coarser and finer grids: coarsen, refine by child bits, parents.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "grid.h"

namespace cranial {

namespace {

i64 parent_key(const i32* c) { return key_of(c[0], c[1] >> 1, c[2] >> 1, c[3] >> 1); }

// The slab and the line of each brick.
std::vector<Row> rows_of(const GridView& grid) {
  std::vector<Row> rows(grid.bricks);
  for (i64 b = 0, slab = 0, line = 0; b < grid.bricks; ++b) {
    const i32 *c = grid.coords + 4 * b, *next = c + 4;
    bool last = b + 1 == grid.bricks, slab_ends = last || next[0] != c[0] || next[1] != c[1];
    if (slab_ends || next[2] != c[2]) {
      for (i64 i = line; i <= b; ++i) rows[i].line = (i32)line, rows[i].line_end = (i32)b + 1;
      line = b + 1;
    }
    if (slab_ends) {
      for (i64 i = slab; i <= b; ++i) rows[i].slab = (i32)slab, rows[i].slab_end = (i32)b + 1;
      slab = b + 1;
    }
  }
  return rows;
}

std::invalid_argument out_of_range(i32 x, i32 y, i32 z) {
  auto first = [](i32 brick) { return std::to_string(brick * SIDE); };
  auto limit = std::to_string(KEY_BIAS * SIDE);
  return std::invalid_argument("children: expected all kept ones to have coordinates in [-" + limit + ", " + limit +
                               "), got a brick of them that begins at (" + first(x) + ", " + first(y) + ", " +
                               first(z) + ")");
}

}  // namespace

GridData coarsen(const GridView& grid) {
  std::vector<i64> keys(grid.bricks);
  for (i64 b = 0; b < grid.bricks; ++b) keys[b] = parent_key(grid.coords + 4 * b);
  sort_unique(keys);
  BrickIndex index(keys);
  std::vector<u64> masks(WORDS * keys.size(), 0);
  for (i64 b = 0; b < grid.bricks; ++b) {
    const i32* c = grid.coords + 4 * b;
    u64* mask = &masks[index.find(parent_key(c)) * WORDS];
    int x0 = (c[1] & 1) * 4, shift = (c[2] & 1) * 32 + (c[3] & 1) * 4;
    for (int x = 0; x < 4; ++x) {
      u32 bits = coarsen_planes(grid.masks[b * WORDS + 2 * x], grid.masks[b * WORDS + 2 * x + 1]);
      for (int y = 0; y < 4; ++y) mask[x0 + x] |= (u64)(bits >> 4 * y & 15) << (shift + y * SIDE);
    }
  }
  return assemble(keys, masks);
}

namespace {

// The children that kept(row), eight bits, says each voxel keeps. Their bricks need no sorting: see Row.
template <class Kept>
GridData refined(const GridView& grid, const Kept& kept, int threads) {
  std::vector<Row> rows = rows_of(grid);
  std::vector<u64> masks(grid.bricks * 8 * WORDS);  // by place
  std::vector<i32> voxels(grid.bricks * 8);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 b = 0; b < grid.bricks; ++b) {
    u64 child[8 * WORDS] = {};
    i64 row = grid.offsets[b];
    for (int x = 0; x < WORDS; ++x)
      for (u64 word = grid.masks[b * WORDS + x]; word; word &= word - 1) {
        int bit = lowest(word);
        place_children(child, x, bit / SIDE, bit % SIDE, kept(row++));
      }
    for (int octant = 0; octant < 8; ++octant) {
      i64 place = child_place(rows[b], b, octant);
      std::copy_n(child + octant * WORDS, WORDS, &masks[place * WORDS]);
      for (int x = 0; x < WORDS; ++x) voxels[place] += popcount(child[octant * WORDS + x]);
    }
  }
  GridData fine;
  i64 count = (i64)voxels.size() - std::count(voxels.begin(), voxels.end(), 0);
  fine.coords.reserve(4 * count);
  fine.masks.reserve(WORDS * count);
  fine.offsets.reserve(count + 1);
  fine.offsets.push_back(0);
  for (i64 place = 0; place < (i64)voxels.size(); ++place) {
    if (!voxels[place]) continue;
    int octant;
    const i32* c = grid.coords + 4 * child_at(rows.data(), place, &octant);
    i32 x = 2 * c[1] + octant / 4, y = 2 * c[2] + octant / 2 % 2, z = 2 * c[3] + octant % 2;
    if (!key_fits(c[0], x, y, z)) throw out_of_range(x, y, z);
    fine.coords.insert(fine.coords.end(), {c[0], x, y, z});
    fine.masks.insert(fine.masks.end(), &masks[place * WORDS], &masks[place * WORDS] + WORDS);
    fine.offsets.push_back(fine.offsets.back() + voxels[place]);
  }
  return fine;
}

}  // namespace

GridData refine(const GridView& grid, const u8* children, int threads) {
  return refined(grid, [=](i64 row) { return (u32)children[row]; }, threads);
}

template <class T>
GridData upsample(const GridView& grid, const T* logits, T threshold, int threads) {
  return refined(
      grid,
      [=](i64 row) {
        u32 bits = 0;
        for (int child = 0; child < 8; ++child) bits |= (u32)(logits[8 * row + child] > threshold) << child;
        return bits;
      },
      threads);
}

template GridData upsample<float>(const GridView&, const float*, float, int);
template GridData upsample<double>(const GridView&, const double*, double, int);

void parents(const GridView& fine, const GridView& coarse, i64* rows, u8* slots, int threads) {
  std::vector<i64> keys = keys_of(coarse);
  BrickIndex index(keys);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 b = 0; b < fine.bricks; ++b) {
    const i32* c = fine.coords + 4 * b;
    i64 parent = index.find(parent_key(c)), row = fine.offsets[b];
    int x0 = (c[1] & 1) * 4, y0 = (c[2] & 1) * 4, z0 = (c[3] & 1) * 4;
    for (int x = 0; x < WORDS; ++x) {
      for (u64 word = fine.masks[b * WORDS + x]; word; word &= word - 1, ++row) {
        int y = lowest(word) / SIDE, z = lowest(word) % SIDE;
        int px = x0 + x / 2, py = y0 + y / 2, pz = z0 + z / 2;
        slots[row] = (u8)((x & 1) * 4 + (y & 1) * 2 + (z & 1));
        bool kept = parent >= 0 && occupied(coarse.masks + parent * WORDS, px, py, pz);
        rows[row] = kept ? coarse.offsets[parent] + rank(coarse.masks + parent * WORDS, px, py, pz) : -1;
      }
    }
  }
}

void inherit(const GridView& fine, const GridView& coarse, const u8* features, i64 bytes, u8* out, int threads) {
  std::vector<i64> keys = keys_of(coarse);
  BrickIndex index(keys);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 b = 0; b < fine.bricks; ++b) {
    const i32* c = fine.coords + 4 * b;
    i64 parent = index.find(parent_key(c));
    const u64* mask = coarse.masks + parent * WORDS;
    int x0 = (c[1] & 1) * 4, y0 = (c[2] & 1) * 4, z0 = (c[3] & 1) * 4;
    u8* to = out + fine.offsets[b] * bytes;
    for (int x = 0; x < WORDS; ++x) {
      for (u64 word = fine.masks[b * WORDS + x]; word; word &= word - 1, to += bytes) {
        int px = x0 + x / 2, py = y0 + lowest(word) / SIDE / 2, pz = z0 + lowest(word) % SIDE / 2;
        if (parent >= 0 && occupied(mask, px, py, pz))
          std::memcpy(to, features + (coarse.offsets[parent] + rank(mask, px, py, pz)) * bytes, bytes);
        else
          std::memset(to, 0, bytes);
      }
    }
  }
}

}  // namespace cranial

// Coarser and finer grids: coarsen, refine by child bits, parents.
#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "grid.h"

namespace cranial {

namespace {

i64 parent_key(const i32* c) { return key_of(c[0], c[1] >> 1, c[2] >> 1, c[3] >> 1); }

// Grid of bricks given in any order, each key once.
GridData assemble_unsorted(const std::vector<i64>& keys, const std::vector<u64>& masks) {
  std::vector<i64> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](i64 a, i64 b) { return keys[a] < keys[b]; });
  std::vector<i64> sorted_keys(keys.size());
  std::vector<u64> sorted_masks(masks.size());
  for (size_t i = 0; i < order.size(); ++i) {
    sorted_keys[i] = keys[order[i]];
    std::copy_n(&masks[order[i] * WORDS], WORDS, &sorted_masks[i * WORDS]);
  }
  return assemble(sorted_keys, sorted_masks);
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

GridData refine(const GridView& grid, const u8* children, int threads) {
  std::vector<u64> masks(grid.bricks * 8 * WORDS, 0);
  std::vector<u8> used(grid.bricks, 0);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 b = 0; b < grid.bricks; ++b) {
    const u8* child = children + grid.offsets[b];
    for (int x = 0; x < WORDS; ++x) {
      for (u64 word = grid.masks[b * WORDS + x]; word; word &= word - 1, ++child) {
        int bit = lowest(word);
        place_children(&masks[b * 8 * WORDS], x, bit / SIDE, bit % SIDE, *child);
      }
    }
    for (int slot = 0; slot < 8; ++slot) {
      const u64* mask = &masks[(b * 8 + slot) * WORDS];
      if (std::any_of(mask, mask + WORDS, [](u64 word) { return word != 0; })) used[b] |= 1 << slot;
    }
  }
  std::vector<i64> keys;
  std::vector<u64> kept;
  for (i64 b = 0; b < grid.bricks; ++b) {
    const i32* c = grid.coords + 4 * b;
    for (int slot = 0; slot < 8; ++slot) {
      if (!(used[b] >> slot & 1)) continue;
      i32 x = 2 * c[1] + slot / 4, y = 2 * c[2] + slot / 2 % 2, z = 2 * c[3] + slot % 2;
      if (!key_fits(c[0], x, y, z)) throw out_of_range(x, y, z);
      keys.push_back(key_of(c[0], x, y, z));
      const u64* mask = &masks[(b * 8 + slot) * WORDS];
      kept.insert(kept.end(), mask, mask + WORDS);
    }
  }
  return assemble_unsorted(keys, kept);
}

template <class T>
void threshold_children(const T* logits, i64 count, T threshold, u8* children, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 i = 0; i < count; ++i) {
    u32 bits = 0;
    for (int slot = 0; slot < 8; ++slot) bits |= (u32)(logits[8 * i + slot] > threshold) << slot;
    children[i] = (u8)bits;
  }
}

template void threshold_children<float>(const float*, i64, float, u8*, int);
template void threshold_children<double>(const double*, i64, double, u8*, int);

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

}  // namespace cranial

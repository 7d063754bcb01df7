// Grids from dense volumes and coordinate lists, and back.
#include <algorithm>
#include <cstring>

#include "grid.h"
#include "parallel.h"

namespace cranial {

namespace {

struct Span {
  i64 from, to;  // dense indices [from, to) that fall into a brick
  int at;        // position of `from` in the brick
};

Span span_of(i32 brick, i32 origin, i64 size) {
  i64 start = (i64)brick * SIDE - origin;
  i64 from = std::max<i64>(start, 0), to = std::min<i64>(start + SIDE, size);
  return {from, to, (int)(from - start)};
}

}  // namespace

GridData from_dense(const u8* dense, const i64* shape, const i32* origin, int threads) {
  i64 volume = 1;
  for (int axis = 0; axis < 4; ++axis) volume *= shape[axis];
  if (volume == 0) return assemble({}, {});
  i32 low[3];
  i64 bricks[3];
  for (int axis = 0; axis < 3; ++axis) {
    low[axis] = origin[axis] >> 3;
    bricks[axis] = ((origin[axis] + (i32)shape[axis + 1] - 1) >> 3) - low[axis] + 1;
  }
  // One column of bricks along z per task; columns keep their own lists, joined in order.
  i64 columns = shape[0] * bricks[0] * bricks[1];
  std::vector<std::vector<i64>> column_keys(columns);
  std::vector<std::vector<u64>> column_masks(columns);
  parallel(columns, 4, threads, [&] {
    return [&](i64 column) {
      i32 batch = (i32)(column / (bricks[0] * bricks[1]));
      i32 bx = low[0] + (i32)(column / bricks[1] % bricks[0]), by = low[1] + (i32)(column % bricks[1]);
      Span xs = span_of(bx, origin[0], shape[1]), ys = span_of(by, origin[1], shape[2]);
      for (i64 b = 0; b < bricks[2]; ++b) {
        i32 bz = low[2] + (i32)b;
        Span zs = span_of(bz, origin[2], shape[3]);
        u64 mask[WORDS] = {}, any = 0;
        for (i64 x = xs.from; x < xs.to; ++x) {
          u64& word = mask[xs.at + (x - xs.from)];
          for (i64 y = ys.from; y < ys.to; ++y) {
            const u8* line = dense + ((batch * shape[1] + x) * shape[2] + y) * shape[3];
            u64 bytes = 0;
            if (zs.to - zs.from == SIDE)
              std::memcpy(&bytes, line + zs.from, SIDE);
            else
              for (i64 z = zs.from; z < zs.to; ++z) bytes |= (u64)line[z] << 8 * (zs.at + (z - zs.from));
            word |= pack_line(bytes) << (ys.at + (y - ys.from)) * SIDE;
          }
          any |= word;
        }
        if (!any) continue;
        column_keys[column].push_back(key_of(batch, bx, by, bz));
        column_masks[column].insert(column_masks[column].end(), mask, mask + WORDS);
      }
    };
  });
  std::vector<i64> keys;
  std::vector<u64> masks;
  for (i64 column = 0; column < columns; ++column) {
    keys.insert(keys.end(), column_keys[column].begin(), column_keys[column].end());
    masks.insert(masks.end(), column_masks[column].begin(), column_masks[column].end());
  }
  return assemble(keys, masks);
}

void to_dense(const GridView& grid, u8* dense, const i64* shape, const i32* origin, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 b = 0; b < grid.bricks; ++b) {
    const i32* c = grid.coords + 4 * b;
    if (c[0] >= shape[0]) continue;
    Span xs = span_of(c[1], origin[0], shape[1]), ys = span_of(c[2], origin[1], shape[2]);
    Span zs = span_of(c[3], origin[2], shape[3]);
    for (i64 x = xs.from; x < xs.to; ++x) {
      u64 word = grid.masks[b * WORDS + xs.at + (x - xs.from)];
      for (i64 y = ys.from; word && y < ys.to; ++y) {
        u8* line = dense + ((c[0] * shape[1] + x) * shape[2] + y) * shape[3];
        u64 bits = word >> (ys.at + (y - ys.from)) * SIDE;
        for (i64 z = zs.from; z < zs.to; ++z) line[z] = bits >> (zs.at + (z - zs.from)) & 1;
      }
    }
  }
}

GridData from_coordinates(const i32* coords, i64 count, int threads) {
  std::vector<i64> keys;
  i64 last = -1;
  for (i64 i = 0; i < count; ++i) {
    const i32* c = coords + 4 * i;
    i64 key = key_of(c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3);
    if (key != last) keys.push_back(last = key);
  }
  sort_unique(keys);
  std::vector<u64> masks(WORDS * keys.size(), 0);
  BrickIndex index(keys);
#pragma omp parallel num_threads(threads)
  {
    i64 last_key = -1, brick = -1;
#pragma omp for schedule(static)
    for (i64 i = 0; i < count; ++i) {
      const i32* c = coords + 4 * i;
      i64 key = key_of(c[0], c[1] >> 3, c[2] >> 3, c[3] >> 3);
      if (key != last_key) brick = index.find(last_key = key);
      u64* word = &masks[brick * WORDS + (c[1] & 7)];
      __atomic_fetch_or(word, 1ull << ((c[2] & 7) * SIDE + (c[3] & 7)), __ATOMIC_RELAXED);
    }
  }
  return assemble(keys, masks);
}

void coordinates(const GridView& grid, i32* coords, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 b = 0; b < grid.bricks; ++b) {
    const i32* c = grid.coords + 4 * b;
    i32* out = coords + 4 * grid.offsets[b];
    for (int x = 0; x < WORDS; ++x) {
      for (u64 word = grid.masks[b * WORDS + x]; word; word &= word - 1, out += 4) {
        int bit = lowest(word);
        out[0] = c[0];
        out[1] = c[1] * SIDE + x;
        out[2] = c[2] * SIDE + bit / SIDE;
        out[3] = c[3] * SIDE + bit % SIDE;
      }
    }
  }
}

void lookup(const GridView& grid, const i32* coords, i64 count, i64* rows, int threads) {
  std::vector<i64> keys = keys_of(grid);
  BrickIndex index(keys);
#pragma omp parallel num_threads(threads)
  {
    i64 last = -1, brick = -1;
#pragma omp for schedule(static)
    for (i64 i = 0; i < count; ++i) {
      const i32* c = coords + 4 * i;
      i32 x = c[1] >> 3, y = c[2] >> 3, z = c[3] >> 3;
      rows[i] = -1;
      if (!key_fits(c[0], x, y, z)) continue;
      i64 key = key_of(c[0], x, y, z);
      if (key != last) brick = index.find(last = key);
      if (brick < 0) continue;
      const u64* mask = grid.masks + brick * WORDS;
      if (occupied(mask, c[1] & 7, c[2] & 7, c[3] & 7))
        rows[i] = grid.offsets[brick] + rank(mask, c[1] & 7, c[2] & 7, c[3] & 7);
    }
  }
}

}  // namespace cranial

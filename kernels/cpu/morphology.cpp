// Dilation and erosion by a Euclidean ball.
//
// A ball is a disk of line segments: at (dx, dy) it reaches h(dx, dy) along z. So a brick's columns along z are
// widened once for each h, eight voxels a byte, and the result is the union over the disk of shifted planes,
// eight columns (a 64-bit word) at a time.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "grid.h"
#include "parallel.h"

namespace cranial {

namespace {

constexpr int MAX_SPAN = 64;  // a widened column is one word: 8 + 2 * reach bits
constexpr int MAX_REACH = (MAX_SPAN - SIDE) / 2;

struct Segment {
  int dx, dy, half;
};

struct Ball {
  int reach;  // voxels along an axis
  std::vector<Segment> segments;
};

Ball ball_of(double radius) {
  if (!(radius >= 0 && radius <= MAX_REACH))
    throw std::invalid_argument("radius: expected 0 to " + std::to_string(MAX_REACH) + " voxels, got " +
                                std::to_string(radius));
  Ball ball;
  double square = radius * radius + 1e-9;
  for (ball.reach = 0; (double)(ball.reach + 1) * (ball.reach + 1) <= square;) ++ball.reach;
  for (int dx = -ball.reach; dx <= ball.reach; ++dx) {
    for (int dy = -ball.reach; dy <= ball.reach; ++dy) {
      if (dx * dx + dy * dy > square) continue;
      int half = 0;
      while (dx * dx + dy * dy + (half + 1) * (half + 1) <= square) ++half;
      ball.segments.push_back({dx, dy, half});
    }
  }
  return ball;
}

class Dilation {
 public:
  Dilation(const GridView& grid, const BrickIndex& index, const Ball& ball, bool invert)
      : grid_(grid), index_(index), ball_(ball), invert_(invert), span_(SIDE + 2 * ball.reach),
        columns_(MAX_SPAN * MAX_SPAN), widened_((size_t)(ball.reach + 1) * MAX_SPAN * MAX_SPAN) {}

  // Dilated mask of the brick at `key`; of the complement of the grid where inverted.
  void operator()(i64 key, u64* mask) {
    gather(key);
    widen();
    std::fill(mask, mask + WORDS, 0);
    for (const Segment& segment : ball_.segments) {
      const u8* planes = &widened_[(size_t)segment.half * MAX_SPAN * MAX_SPAN + segment.dy + ball_.reach];
      for (int x = 0; x < WORDS; ++x) {
        u64 word;
        std::memcpy(&word, planes + (x + segment.dx + ball_.reach) * MAX_SPAN, sizeof word);
        mask[x] |= word;
      }
    }
  }

 private:
  // columns_[x][y]: bit z + reach is the voxel (x - reach, y - reach, z) relative to the brick.
  void gather(i64 key) {
    std::fill(columns_.begin(), columns_.end(), 0);
    i32 c[4];
    coords_of(key, c);
    int reach = ball_.reach, steps = (reach + SIDE - 1) / SIDE;
    for (int dx = -steps; dx <= steps; ++dx)
      for (int dy = -steps; dy <= steps; ++dy)
        for (int dz = -steps; dz <= steps; ++dz) {
          if (!key_fits(c[0], c[1] + dx, c[2] + dy, c[3] + dz)) continue;
          i64 brick = index_.find(key_of(c[0], c[1] + dx, c[2] + dy, c[3] + dz));
          if (brick < 0) continue;
          int x0 = dx * SIDE + reach, y0 = dy * SIDE + reach, shift = dz * SIDE + reach;
          for (int x = std::max(0, -x0); x < std::min(SIDE, span_ - x0); ++x) {
            u64 word = grid_.masks[brick * WORDS + x];
            for (int y = std::max(0, -y0); word && y < std::min(SIDE, span_ - y0); ++y) {
              u64 line = word >> y * SIDE & 0xFF;
              columns_[(x0 + x) * MAX_SPAN + y0 + y] |= shift >= 0 ? line << shift : line >> -shift;
            }
          }
        }
    if (invert_)
      for (u64& column : columns_) column = ~column;
  }

  // widened_[half][x][y]: the eight voxels of the brick's z range with a set voxel at most `half` away.
  void widen() {
    int reach = ball_.reach;
    for (int half = 0; half <= reach; ++half) {
      for (int x = 0; x < span_; ++x) {
        const u64* column = &columns_[x * MAX_SPAN];
        u8* out = &widened_[((size_t)half * MAX_SPAN + x) * MAX_SPAN];
        const u8* before = out - MAX_SPAN * MAX_SPAN;
        for (int y = 0; y < span_; ++y) {
          u8 ends = (u8)(column[y] >> (reach + half) | column[y] >> (reach - half));
          out[y] = half ? before[y] | ends : ends;
        }
      }
    }
  }

  const GridView& grid_;
  const BrickIndex& index_;
  const Ball& ball_;
  bool invert_;
  int span_;
  std::vector<u64> columns_;
  std::vector<u8> widened_;
};

// Bricks that a ball around some voxel of this brick can touch.
void add_reached(const i32* c, const u64* mask, int reach, std::vector<i64>& keys) {
  int low[3] = {8, 8, 8}, high[3] = {-1, -1, -1};
  for (int x = 0; x < WORDS; ++x) {
    if (!mask[x]) continue;
    low[0] = std::min(low[0], x);
    high[0] = x;
    for (int y = 0; y < SIDE; ++y) {
      u32 line = mask[x] >> y * SIDE & 0xFF;
      if (!line) continue;
      low[1] = std::min(low[1], y);
      high[1] = std::max(high[1], y);
      low[2] = std::min(low[2], lowest(line));
      high[2] = std::max(high[2], 31 - __builtin_clz(line));
    }
  }
  int first[3], last[3];
  for (int axis = 0; axis < 3; ++axis) {
    first[axis] = (low[axis] - reach) >> 3;
    last[axis] = (high[axis] + reach) >> 3;
  }
  for (int dx = first[0]; dx <= last[0]; ++dx)
    for (int dy = first[1]; dy <= last[1]; ++dy)
      for (int dz = first[2]; dz <= last[2]; ++dz)
        if (key_fits(c[0], c[1] + dx, c[2] + dy, c[3] + dz))
          keys.push_back(key_of(c[0], c[1] + dx, c[2] + dy, c[3] + dz));
}

std::vector<u64> dilated_masks(const GridView& grid, const std::vector<i64>& targets, const Ball& ball, bool invert,
                               int threads) {
  std::vector<i64> keys = keys_of(grid);
  BrickIndex index(keys);
  std::vector<u64> masks(targets.size() * WORDS);
  parallel((i64)targets.size(), 16, threads, [&] {
    return [&, dilation = Dilation(grid, index, ball, invert)](i64 b) mutable {
      dilation(targets[b], &masks[b * WORDS]);
    };
  });
  return masks;
}

}  // namespace

GridData dilate(const GridView& grid, double radius, int threads) {
  Ball ball = ball_of(radius);
  std::vector<i64> targets;
  size_t full = 1 << 12;
  for (i64 b = 0; b < grid.bricks; ++b) {
    add_reached(grid.coords + 4 * b, grid.masks + b * WORDS, ball.reach, targets);
    if (targets.size() < full) continue;
    sort_unique(targets);  // neighbours reach mostly the same bricks, each of them up to 9³: memory follows the result
    full = std::max(full, 2 * targets.size());
  }
  sort_unique(targets);
  return assemble(targets, dilated_masks(grid, targets, ball, false, threads));
}

GridData erode(const GridView& grid, double radius, int threads) {
  Ball ball = ball_of(radius);
  std::vector<i64> targets = keys_of(grid);
  std::vector<u64> masks = dilated_masks(grid, targets, ball, true, threads);
  for (size_t i = 0; i < masks.size(); ++i) masks[i] = grid.masks[i] & ~masks[i];
  return assemble(targets, masks);
}

}  // namespace cranial

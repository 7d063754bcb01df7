// Grids on the host: a view of arrays that Python owns, a grid under construction, and brick lookup by key.
#pragma once

#include <vector>

#include "../brick.h"

namespace cranial {

using namespace brick;

struct GridView {
  const i32* coords;   // [bricks, 4]
  const u64* masks;    // [bricks, 8]
  const i64* offsets;  // [bricks + 1]
  i64 bricks;
};

struct GridData {
  std::vector<i32> coords;
  std::vector<u64> masks;
  std::vector<i64> offsets;
};

std::vector<i64> keys_of(const GridView& grid);

// Sorts and removes repeats; linear in the keys when they fill a modest box.
void sort_unique(std::vector<i64>& keys);

// Grid of the bricks that have a voxel; keys are sorted and unique, masks hold eight words a key.
GridData assemble(const std::vector<i64>& keys, const std::vector<u64>& masks);

// Brick by key. A dense table over the bounding box when that box is modest, else binary search, so that
// memory never grows with the box without limit.
class BrickIndex {
 public:
  explicit BrickIndex(const std::vector<i64>& keys);
  i64 find(i64 key) const;  // position, or -1

 private:
  const std::vector<i64>& keys_;
  i32 low_[4], size_[4];
  std::vector<i32> table_;  // empty: search
};

// For queries that never decrease: walks along the sorted keys.
class Cursor {
 public:
  Cursor(const i64* keys, i64 count) : keys_(keys), count_(count), at_(0) {}
  i64 find(i64 key);

 private:
  const i64* keys_;
  i64 count_, at_;
};

// 27 neighbouring bricks of each brick ([bricks, 27], x slowest), -1 where none.
void neighbour_bricks(const GridView& grid, i32* neighbours);
// 8 child bricks of each coarse brick in the finer grid ([bricks, 8], x slowest), -1 where none.
void child_bricks(const GridView& coarse, const GridView& fine, i32* children);

GridData from_dense(const u8* dense, const i64* shape, const i32* origin, int threads);
void to_dense(const GridView& grid, u8* dense, const i64* shape, const i32* origin, int threads);
GridData from_coordinates(const i32* coords, i64 count, int threads);
void coordinates(const GridView& grid, i32* coords, int threads);
void lookup(const GridView& grid, const i32* coords, i64 count, i64* rows, int threads);

GridData coarsen(const GridView& grid);
GridData refine(const GridView& grid, const u8* children, int threads);
template <class T>
GridData upsample(const GridView& grid, const T* logits, T threshold, int threads);
void parents(const GridView& fine, const GridView& coarse, i64* rows, u8* slots, int threads);
// The row of `bytes` of each fine voxel's parent, zeros where it has none.
void inherit(const GridView& fine, const GridView& coarse, const u8* features, i64 bytes, u8* out, int threads);

enum class SetOperation { unite, intersect, subtract };
GridData combine(const GridView& a, const GridView& b, SetOperation operation);
GridData prune(const GridView& grid, const u8* keep);
GridData crop(const GridView& grid, const i32* low, const i32* high);

GridData dilate(const GridView& grid, double radius, int threads);
GridData erode(const GridView& grid, double radius, int threads);
// The row of one voxel per component, the same for all its voxels.
void components(const GridView& grid, const i32* neighbours, int connectivity, i64* roots);

}  // namespace cranial

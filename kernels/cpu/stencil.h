// Which rows a brick's kernel reads: a small table of pointers, filled brick by brick. Nothing larger
// is stored.
#pragma once

#include <vector>

#include "grid.h"

namespace cranial {

struct Sparsity {
  const u64* masks;    // [bricks, 8]
  const i64* offsets;  // [bricks + 1]
  i64 bricks;
};

// The voxels of one brick and the rows around them: voxel v (row `first` + v) meets, at kernel offset k, the
// features table[centre[v] + shift[k]].
template <class T>
struct Neighbourhood {
  std::vector<T*> table;
  i32 centre[VOXELS];
  int voxels;
  i64 first;
};

// Either all k³ offsets of a submanifold kernel around each voxel of `centres`, within the same grid, or the
// 2³ children of each voxel of `centres` in a finer grid.
class Stencil {
 public:
  static Stencil submanifold(const Sparsity& grid, const i32* neighbours, int kernel_size);
  static Stencil children(const Sparsity& coarse, const Sparsity& fine, const i32* child_bricks);

  // The table points into `rows`, [N, channels], or to `missing` where there is no voxel. T may be const.
  template <class T>
  void fill(i64 brick, T* rows, int channels, T* missing, Neighbourhood<T>& at) const;

  i64 bricks() const { return centres_.bricks; }
  const std::vector<int>& shift() const { return shift_; }

 private:
  Stencil(const Sparsity& centres, const Sparsity& others, const i32* links, int scale, int radius);

  Sparsity centres_, others_;
  const i32* links_;  // [bricks, 27] neighbours or [bricks, 8] children
  int scale_, radius_, side_;
  std::vector<int> shift_;
};

}  // namespace cranial

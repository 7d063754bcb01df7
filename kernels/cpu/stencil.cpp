#include "stencil.h"

#include <algorithm>

namespace cranial {

Stencil::Stencil(const Sparsity& centres, const Sparsity& others, const i32* links, int scale, int radius)
    : centres_(centres), others_(others), links_(links), scale_(scale), radius_(radius),
      side_(scale * SIDE + 2 * radius) {
  int low = -radius, high = scale == 1 ? radius : 1;
  for (int x = low; x <= high; ++x)
    for (int y = low; y <= high; ++y)
      for (int z = low; z <= high; ++z) shift_.push_back((x * side_ + y) * side_ + z);
}

Stencil Stencil::submanifold(const Sparsity& grid, const i32* neighbours, int kernel_size) {
  return Stencil(grid, grid, neighbours, 1, kernel_size / 2);
}

Stencil Stencil::children(const Sparsity& coarse, const Sparsity& fine, const i32* child_bricks) {
  return Stencil(coarse, fine, child_bricks, 2, 0);
}

template <class T>
void Stencil::fill(i64 brick, T* rows, int channels, T* missing, Neighbourhood<T>& at) const {
  at.table.assign((size_t)side_ * side_ * side_, missing);
  int low = scale_ == 1 ? -1 : 0, count = scale_ == 1 ? 3 : 2, slot = 0;
  for (int dx = low; dx < low + count; ++dx)
    for (int dy = low; dy < low + count; ++dy)
      for (int dz = low; dz < low + count; ++dz, ++slot) {
        i64 other = links_[brick * count * count * count + slot];
        if (other < 0) continue;
        // Children fill their octant of the table whole, neighbours only reach into the halo.
        bool halo = scale_ == 1;
        int x0 = halo ? halo_first(dx, radius_) : 0, x1 = halo ? halo_last(dx, radius_) : SIDE;
        u64 kept = ~0ull;
        if (halo)
          kept = window(halo_first(dy, radius_), halo_last(dy, radius_), halo_first(dz, radius_),
                        halo_last(dz, radius_));
        i32 base = ((dx * SIDE + radius_) * side_ + dy * SIDE + radius_) * side_ + dz * SIDE + radius_;
        const u64* mask = others_.masks + other * WORDS;
        i64 row = others_.offsets[other];
        for (int x = 0; x < x0; ++x) row += popcount(mask[x]);
        for (int x = x0; x < x1; row += popcount(mask[x++])) {
          for (u64 word = mask[x] & kept; word; word &= word - 1) {
            int bit = lowest(word);
            i64 found = row + popcount(mask[x] & ((1ull << bit) - 1));
            at.table[base + (x * side_ + bit / SIDE) * side_ + bit % SIDE] = rows + found * channels;
          }
        }
      }
  at.voxels = 0;
  at.first = centres_.offsets[brick];
  for (int x = 0; x < WORDS; ++x)
    for (u64 word = centres_.masks[brick * WORDS + x]; word; word &= word - 1) {
      int y = lowest(word) / SIDE, z = lowest(word) % SIDE;
      at.centre[at.voxels++] = ((x * scale_ + radius_) * side_ + y * scale_ + radius_) * side_ + z * scale_ + radius_;
    }
}

template void Stencil::fill(i64, float*, int, float*, Neighbourhood<float>&) const;
template void Stencil::fill(i64, double*, int, double*, Neighbourhood<double>&) const;
template void Stencil::fill(i64, const float*, int, const float*, Neighbourhood<const float>&) const;
template void Stencil::fill(i64, const double*, int, const double*, Neighbourhood<const double>&) const;

}  // namespace cranial

#include "resample.h"

#include <omp.h>

#include <algorithm>

#include "parallel.h"

namespace cranial {

namespace {

template <class T>
class Trilinear {
 public:
  Trilinear(Volume<const T> source, double outside)
      : data_(source.data), outside_(outside), size_{source.shape[0], source.shape[1], source.shape[2]},
        stride_{size_[1] * size_[2], size_[2], 1} {}

  double operator()(const double* point) const {
    i64 low[3];
    double share[3];
    bool inside = true;
    for (int a = 0; a < 3; ++a) {
      if (!(point[a] > -1 && point[a] < (double)size_[a])) return outside_;  // of no number too
      low[a] = (i64)(point[a] + 1) - 1;  // the floor: what is cut off is positive
      share[a] = point[a] - (double)low[a];
      inside &= low[a] >= 0 && low[a] + 1 < size_[a];
    }
    double corner[8];
    if (inside) {
      const T* at = data_ + low[0] * stride_[0] + low[1] * stride_[1] + low[2];
      for (int c = 0; c < 8; ++c) corner[c] = at[(c >> 2) * stride_[0] + (c >> 1 & 1) * stride_[1] + (c & 1)];
    } else {
      for (int c = 0; c < 8; ++c) corner[c] = tap(low[0] + (c >> 2), low[1] + (c >> 1 & 1), low[2] + (c & 1));
    }
    for (int half = 4, a = 0; half; half >>= 1, ++a)
      for (int c = 0; c < half; ++c) corner[c] += share[a] * (corner[c + half] - corner[c]);
    return corner[0];
  }

 private:
  double tap(i64 x, i64 y, i64 z) const {
    bool there = x >= 0 && x < size_[0] && y >= 0 && y < size_[1] && z >= 0 && z < size_[2];
    return there ? (double)data_[x * stride_[0] + y * stride_[1] + z] : outside_;
  }

  const T* data_;
  double outside_;
  i64 size_[3], stride_[3];
};

// store(value, voxel of out) for the voxels [low, high) of the line (x, y).
template <class Source, class Store>
void read_line(const Source& source, Affine to, i64 x, i64 y, i64 low, i64 high, const Store& store) {
  const double *m = to.matrix, *o = to.offset;
  double first[3], point[3];
  for (int a = 0; a < 3; ++a) first[a] = o[a] + m[3 * a] * (double)x + m[3 * a + 1] * (double)y;
  for (i64 z = low; z < high; ++z) {
    for (int a = 0; a < 3; ++a) point[a] = first[a] + m[3 * a + 2] * (double)z;
    store(source(point), z);
  }
}

}  // namespace

void resample_field(Volume<const float> source, Affine to, float outside, Volume<float> out) {
  const Trilinear<float> read(source, outside);
  const i64 ny = out.shape[1], nz = out.shape[2];
  parallel(out.shape[0] * ny, 64, omp_get_max_threads(), [&] {
    return [&](i64 line) {
      float* row = out.data + line * nz;
      read_line(read, to, line / ny, line % ny, 0, nz, [&](double value, i64 z) { row[z] = (float)value; });
    };
  });
}

void resample_mask(Volume<const u8> source, Affine to, const i64* starts, i64 blocks, int side, Volume<u8> out) {
  const Trilinear<u8> read(source, 0);
  const i64 nx = out.shape[0], ny = out.shape[1], nz = out.shape[2];
  parallel(blocks, 8, omp_get_max_threads(), [&] {
    return [&](i64 block) {
      const i64* start = starts + 3 * block;
      for (i64 x = start[0]; x < std::min(start[0] + side, nx); ++x)
        for (i64 y = start[1]; y < std::min(start[1] + side, ny); ++y) {
          u8* row = out.data + (x * ny + y) * nz;
          // In single precision, so that half way between bone and air is one half whatever the last bits of the map.
          read_line(read, to, x, y, start[2], std::min(start[2] + side, nz),
                    [&](double value, i64 z) { row[z] = (float)value > 0.5f; });
        }
    };
  });
}

}  // namespace cranial

// Dense volumes read trilinearly at the voxels of another lattice, on as many threads as OpenMP would take.
#pragma once

#include "../brick.h"

namespace cranial {

using namespace brick;

template <class T>
struct Volume {
  T* data;           // [x, y, z], z fastest
  const i64* shape;  // of three
};

// The index in a source for an index of a target: matrix (3 × 3, rows first) times index, plus offset.
struct Affine {
  const double* matrix;
  const double* offset;
};

// Values of `out` wherever it lies; outside the source's voxels every value is `outside`.
void resample_field(Volume<const float> source, Affine to_source, float outside, Volume<float> out);

// out = 1 where the interpolated mask is above one half, within blocks of `side` voxels that start at `starts`
// ([blocks, 3]); nothing is written elsewhere. Blocks do not overlap.
void resample_mask(Volume<const u8> source, Affine to_source, const i64* starts, i64 blocks, int side, Volume<u8> out);

}  // namespace cranial

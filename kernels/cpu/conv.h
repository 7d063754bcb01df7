// Sparse convolutions as gathers and scatters of small matrix products; see stencil.h for which rows meet.
#pragma once

#include "stencil.h"

namespace cranial {

// weight [steps, cin, cout]; `transposed` swaps the channels and `flipped` reverses the steps, which together
// turn a convolution into the gradient of its input.
template <class T>
struct Weights {
  const T* values;
  int steps, cin, cout;
  bool transposed, flipped;
};

// out[voxel] = sum over offsets of in[neighbour] * W: submanifold and strided convolution. Writes every centre.
template <class T>
void gather_conv(const Stencil& stencil, const T* in, const Weights<T>& weights, T* out, int threads);
// out[neighbour] = in[voxel] * W: transposed convolution with stride = kernel. Writes only rows that are met.
template <class T>
void scatter_conv(const Stencil& stencil, const T* in, const Weights<T>& weights, T* out, int threads);
// sum over voxels and offsets of neighbour[i] * centre[o] (or centre[i] * neighbour[o] where `from_centre`),
// [steps, cin, cout]. Bricks are summed in chunks, at most 32 and cut by the number of bricks
// alone, in fixed order: any number of threads gives the same.
template <class T>
void weight_gradient(const Stencil& stencil, const T* in, int cin, const T* gradient, int cout, bool from_centre,
                     T* out, int threads);

// weight [steps, channels]
template <class T>
void depthwise_conv(const Stencil& stencil, const T* in, const T* weight, int channels, bool flipped, T* out,
                    int threads);
template <class T>
void depthwise_weight_gradient(const Stencil& stencil, const T* in, const T* gradient, int channels, T* out,
                               int threads);

}  // namespace cranial

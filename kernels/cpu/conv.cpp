#include "conv.h"

#include <algorithm>

#include "microkernels.h"
#include "parallel.h"

namespace cranial {

namespace {

// Weights in the order in which the inner loop reads them: per step, per block of channels, [cin, block], with
// the last block filled up with zeros.
template <class T>
std::vector<T> pack(const Weights<T>& w, const Microkernels<T>& kernels) {
  int cin = w.transposed ? w.cout : w.cin, cout = w.transposed ? w.cin : w.cout;
  int padded = kernels.packed_channels(cout), block = 2 * kernels.half_block;
  std::vector<T> packed((size_t)w.steps * cin * padded, 0);
  for (int step = 0; step < w.steps; ++step) {
    const T* from = w.values + (size_t)(w.flipped ? w.steps - 1 - step : step) * w.cin * w.cout;
    T* to = packed.data() + (size_t)step * cin * padded;
    for (int first = 0; first < padded; first += block) {
      int width = std::min(block, padded - first);
      for (int i = 0; i < cin; ++i)
        for (int o = first; o < std::min(first + width, cout); ++o)
          to[(size_t)first * cin + i * width + o - first] = w.transposed ? from[o * w.cout + i] : from[i * w.cout + o];
    }
  }
  return packed;
}

// The voxels that have a neighbour at one offset: pointers to the neighbours' features and their numbers.
template <class T>
int meetings(const Neighbourhood<T>& at, int shift, T** neighbours, int* voxels) {
  int count = 0;
  for (int v = 0; v < at.voxels; ++v) {
    T* neighbour = at.table[at.centre[v] + shift];
    neighbours[count] = neighbour;
    voxels[count] = v;
    count += neighbour != nullptr;
  }
  return count;
}

}  // namespace

template <class T>
void gather_conv(const Stencil& stencil, const T* in, const Weights<T>& weights, T* out, int threads) {
  const Microkernels<T>& kernels = microkernels<T>();
  std::vector<T> packed = pack(weights, kernels);
  int cin = weights.transposed ? weights.cout : weights.cin, cout = weights.transposed ? weights.cin : weights.cout;
  std::vector<T> zeros(cin, 0);
  const std::vector<int>& shift = stencil.shift();
  parallel(stencil.bricks(), 16, threads, [&] {
    return [&, at = Neighbourhood<const T>()](i64 b) mutable {
      stencil.fill<const T>(b, in, cin, zeros.data(), at);
      for (int v = 0; v < at.voxels; v += kernels.tile)
        kernels.gather(at.table.data(), at.centre + v, std::min(kernels.tile, at.voxels - v), shift.data(),
                       (int)shift.size(), zeros.data(), packed.data(), cin, cout, out + (at.first + v) * cout);
    };
  });
}

template <class T>
void scatter_conv(const Stencil& stencil, const T* in, const Weights<T>& weights, T* out, int threads) {
  const Microkernels<T>& kernels = microkernels<T>();
  std::vector<T> packed = pack(weights, kernels);
  int cin = weights.transposed ? weights.cout : weights.cin, cout = weights.transposed ? weights.cin : weights.cout;
  size_t slab = packed.size() / weights.steps;
  parallel(stencil.bricks(), 16, threads, [&] {
    return [&, at = Neighbourhood<T>()](i64 b) mutable {
      T* outputs[VOXELS];
      const T* inputs[VOXELS];
      int voxels[VOXELS];
      stencil.fill<T>(b, out, cout, nullptr, at);
      for (int k = 0; k < weights.steps; ++k) {
        int count = meetings(at, stencil.shift()[k], outputs, voxels);
        for (int p = 0; p < count; ++p) inputs[p] = in + (at.first + voxels[p]) * cin;
        for (int p = 0; p < count; p += kernels.tile)
          kernels.multiply(inputs + p, outputs + p, std::min(kernels.tile, count - p), packed.data() + k * slab, cin,
                           cout);
      }
    };
  });
}

namespace {

// Every chunk of bricks has a whole weight to sum into: chunks grow with the grid, so that memory does not.
constexpr i64 MAX_CHUNKS = 32, MIN_CHUNK = 16;

// Calls add(neighbours, centres, pairs, k, sum) for every brick and offset, with the features that meet, into one
// sum per chunk of bricks, then adds the chunks in order. Chunks depend on the number of bricks alone.
template <class T, class Add>
std::vector<T> sum_chunks(const Stencil& stencil, const T* neighbours, int neighbour_channels, const T* centres,
                          int centre_channels, size_t length, int threads, const Add& add) {
  i64 chunk = std::max(MIN_CHUNK, (stencil.bricks() + MAX_CHUNKS - 1) / MAX_CHUNKS);
  i64 chunks = (stencil.bricks() + chunk - 1) / chunk;
  std::vector<T> sums(std::max<size_t>(chunks, 1) * length, 0);
  parallel(chunks, 1, threads, [&] {
    return [&, at = Neighbourhood<const T>()](i64 c) mutable {
      const T *others[VOXELS], *owns[VOXELS];
      int voxels[VOXELS];
      for (i64 b = c * chunk; b < std::min((c + 1) * chunk, stencil.bricks()); ++b) {
        stencil.fill<const T>(b, neighbours, neighbour_channels, nullptr, at);
        const T* first = centres + at.first * centre_channels;
        for (size_t k = 0; k < stencil.shift().size(); ++k) {
          int pairs = meetings(at, stencil.shift()[k], others, voxels);
          for (int p = 0; p < pairs; ++p) owns[p] = first + (i64)voxels[p] * centre_channels;
          if (pairs) add(others, owns, pairs, k, &sums[c * length]);
        }
      }
    };
  });
#pragma omp parallel for num_threads(threads) schedule(static)
  for (i64 i = 0; i < (i64)length; ++i)
    for (i64 c = 1; c < chunks; ++c) sums[i] += sums[c * length + i];
  sums.resize(length);
  return sums;
}

}  // namespace

template <class T>
void weight_gradient(const Stencil& stencil, const T* in, int cin, const T* gradient, int cout, bool from_centre,
                     T* out, int threads) {
  const Microkernels<T>& kernels = microkernels<T>();
  int padded = kernels.packed_channels(cout);
  size_t steps = stencil.shift().size(), slab = (size_t)cin * padded;
  auto add = [&](const T* const* neighbours, const T* const* centres, int pairs, size_t k, T* sum) {
    if (from_centre)
      kernels.outer(centres, neighbours, pairs, cin, cout, sum + k * slab);
    else
      kernels.outer(neighbours, centres, pairs, cin, cout, sum + k * slab);
  };
  std::vector<T> sum =
      from_centre ? sum_chunks<T>(stencil, gradient, cout, in, cin, steps * slab, threads, add)
                  : sum_chunks<T>(stencil, in, cin, gradient, cout, steps * slab, threads, add);
  for (size_t i = 0; i < steps * cin; ++i) std::copy_n(&sum[i * padded], cout, out + i * cout);
}

template <class T>
void depthwise_conv(const Stencil& stencil, const T* in, const T* weight, int channels, bool flipped, T* out,
                    int threads) {
  const Microkernels<T>& kernels = microkernels<T>();
  std::vector<int> shift = stencil.shift();
  if (flipped) std::reverse(shift.begin(), shift.end());
  std::vector<T> zeros(channels, 0);
  parallel(stencil.bricks(), 16, threads, [&] {
    return [&, at = Neighbourhood<const T>()](i64 b) mutable {
      stencil.fill<const T>(b, in, channels, zeros.data(), at);
      for (int v = 0; v < at.voxels; ++v)
        kernels.depthwise(at.table.data() + at.centre[v], shift.data(), (int)shift.size(), weight, channels,
                          out + (at.first + v) * channels);
    };
  });
}

template <class T>
void depthwise_weight_gradient(const Stencil& stencil, const T* in, const T* gradient, int channels, T* out,
                               int threads) {
  const Microkernels<T>& kernels = microkernels<T>();
  auto add = [&](const T* const* neighbours, const T* const* centres, int pairs, size_t k, T* sum) {
    kernels.depthwise_outer(neighbours, centres, pairs, channels, sum + k * channels);
  };
  size_t length = stencil.shift().size() * channels;
  std::vector<T> sum = sum_chunks<T>(stencil, in, channels, gradient, channels, length, threads, add);
  std::copy(sum.begin(), sum.end(), out);
}

#define INSTANTIATE(T)                                                                           \
  template void gather_conv<T>(const Stencil&, const T*, const Weights<T>&, T*, int);            \
  template void scatter_conv<T>(const Stencil&, const T*, const Weights<T>&, T*, int);           \
  template void weight_gradient<T>(const Stencil&, const T*, int, const T*, int, bool, T*, int); \
  template void depthwise_conv<T>(const Stencil&, const T*, const T*, int, bool, T*, int);       \
  template void depthwise_weight_gradient<T>(const Stencil&, const T*, const T*, int, T*, int);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace cranial

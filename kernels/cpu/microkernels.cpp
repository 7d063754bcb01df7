// Compiled once per instruction set (ISA, VECTOR_BYTES and TILE come from the build), so nothing here may be
// shared with other translation units: no standard headers, no inline functions from elsewhere.
#include "microkernels.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define ALWAYS_INLINE inline __attribute__((always_inline))

#if TILE == 4
#define FOR_EACH_TILE(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#elif TILE == 6
#define FOR_EACH_TILE(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#elif TILE == 8
#define FOR_EACH_TILE(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#endif

namespace cranial {
namespace {

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  typedef float vector __attribute__((vector_size(VECTOR_BYTES)));
  typedef float loose __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
};
template <>
struct Lanes<double> {
  typedef double vector __attribute__((vector_size(VECTOR_BYTES)));
  typedef double loose __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
};

template <class T>
using Vector = typename Lanes<T>::vector;
template <class T>
constexpr int WIDTH = VECTOR_BYTES / sizeof(T);

template <class T>
ALWAYS_INLINE Vector<T> load(const T* at) {
  return *(const typename Lanes<T>::loose*)at;
}
template <class T>
ALWAYS_INLINE void store(T* at, Vector<T> value) {
  *(typename Lanes<T>::loose*)at = value;
}
template <class T>
ALWAYS_INLINE Vector<T> load_part(const T* at, int count) {
  if (count >= WIDTH<T>) return load(at);
  T whole[WIDTH<T>] = {};
  for (int i = 0; i < count; ++i) whole[i] = at[i];
  return load(whole);
}
template <class T>
ALWAYS_INLINE void store_part(T* at, Vector<T> value, int count) {
  if (count >= WIDTH<T>) return store(at, value);
  T whole[WIDTH<T>];
  store(whole, value);
  for (int i = 0; i < count; ++i) at[i] = whole[i];
}

template <class T, int ROWS, int VECTORS>
ALWAYS_INLINE void add_product(Vector<T> (&sum)[ROWS][VECTORS], const T* const (&x)[ROWS], const T* weights, long cin) {
  for (long c = 0; c < cin; ++c, weights += VECTORS * WIDTH<T>) {
    Vector<T> column[VECTORS];
    for (int v = 0; v < VECTORS; ++v) column[v] = load(weights + v * WIDTH<T>);
    for (int r = 0; r < ROWS; ++r)
      for (int v = 0; v < VECTORS; ++v) sum[r][v] += x[r][c] * column[v];
  }
}

// The accumulators of ROWS rows and VECTORS vectors stay in registers over all steps and input channels.
template <class T, int ROWS, int VECTORS>
void gather_block(const T* const* table, const int* centre, const int* shift, int steps, const T* zeros,
                  const T* weights, long slab, int cin, int cout, int first, T* out) {
  Vector<T> sum[ROWS][VECTORS] = {};
  const T* const* cell[ROWS];
  for (int r = 0; r < ROWS; ++r) cell[r] = table + centre[r];
  for (int s = 0; s < steps; ++s, weights += slab) {
    const T* x[ROWS];
    bool any = false;
    for (int r = 0; r < ROWS; ++r) {
      x[r] = cell[r][shift[s]];
      any |= x[r] != zeros;
    }
    if (any) add_product(sum, x, weights, cin);
  }
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < VECTORS; ++v) {
      int at = first + v * WIDTH<T>;
      store_part(out + (long)r * cout + at, sum[r][v], cout - at);
    }
}

template <class T, int ROWS>
void gather_rows(const T* const* table, const int* centre, const int* shift, int steps, const T* zeros,
                 const T* packed, int cin, int cout, T* out) {
  long slab = (cout + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T> * (long)cin;
  int first = 0;
  for (; first + WIDTH<T> < cout; first += 2 * WIDTH<T>)
    gather_block<T, ROWS, 2>(table, centre, shift, steps, zeros, packed + (long)first * cin, slab, cin, cout, first,
                             out);
  if (first < cout)
    gather_block<T, ROWS, 1>(table, centre, shift, steps, zeros, packed + (long)first * cin, slab, cin, cout, first,
                             out);
}

template <class T>
void gather(const T* const* table, const int* centre, int rows, const int* shift, int steps, const T* zeros,
            const T* packed, int cin, int cout, T* out) {
#define ROWS_CASE(ROWS) \
  case ROWS: return gather_rows<T, ROWS>(table, centre, shift, steps, zeros, packed, cin, cout, out);
  switch (rows) { FOR_EACH_TILE(ROWS_CASE) }
#undef ROWS_CASE
}

template <class T, int ROWS, int VECTORS>
void multiply_block(const T* const* in, T* const* out, const T* weights, int cin, int cout, int first) {
  Vector<T> sum[ROWS][VECTORS] = {};
  const T* x[ROWS];
  for (int r = 0; r < ROWS; ++r) x[r] = in[r];
  add_product(sum, x, weights, cin);
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < VECTORS; ++v) {
      int at = first + v * WIDTH<T>;
      store_part(out[r] + at, sum[r][v], cout - at);
    }
}

template <class T, int ROWS>
void multiply_rows(const T* const* in, T* const* out, const T* packed, int cin, int cout) {
  int first = 0;
  for (; first + WIDTH<T> < cout; first += 2 * WIDTH<T>)
    multiply_block<T, ROWS, 2>(in, out, packed + (long)first * cin, cin, cout, first);
  if (first < cout) multiply_block<T, ROWS, 1>(in, out, packed + (long)first * cin, cin, cout, first);
}

template <class T>
void multiply(const T* const* in, T* const* out, int rows, const T* packed, int cin, int cout) {
#define ROWS_CASE(ROWS) \
  case ROWS: return multiply_rows<T, ROWS>(in, out, packed, cin, cout);
  switch (rows) { FOR_EACH_TILE(ROWS_CASE) }
#undef ROWS_CASE
}

// PART: the last of the vectors is only partly there, `width` channels in all.
template <class T, int INPUTS, int VECTORS, bool PART>
void outer_block(const T* const* x, const T* const* y, int pairs, long input, long output, int width, T* sum,
                 long stride) {
  Vector<T> total[INPUTS][VECTORS] = {};
  for (int p = 0; p < pairs; ++p) {
    Vector<T> row[VECTORS];
    for (int v = 0; v < VECTORS; ++v) {
      const T* at = y[p] + output + v * WIDTH<T>;
      row[v] = PART && v == VECTORS - 1 ? load_part(at, width - v * WIDTH<T>) : load(at);
    }
    for (int i = 0; i < INPUTS; ++i)
      for (int v = 0; v < VECTORS; ++v) total[i][v] += x[p][input + i] * row[v];
  }
  for (int i = 0; i < INPUTS; ++i) {
    T* at = sum + (input + i) * stride + output;
    for (int v = 0; v < VECTORS; ++v) store(at + v * WIDTH<T>, load(at + v * WIDTH<T>) + total[i][v]);
  }
}

template <class T, int VECTORS, bool PART>
void outer_columns(const T* const* x, const T* const* y, int pairs, int cin, long output, int width, T* sum,
                   long stride) {
  constexpr int INPUTS = TILE > 6 ? 8 : 4;
  int input = 0;
  for (; input + INPUTS <= cin; input += INPUTS)
    outer_block<T, INPUTS, VECTORS, PART>(x, y, pairs, input, output, width, sum, stride);
  for (; input + 2 <= cin; input += 2)
    outer_block<T, 2, VECTORS, PART>(x, y, pairs, input, output, width, sum, stride);
  if (input < cin) outer_block<T, 1, VECTORS, PART>(x, y, pairs, input, output, width, sum, stride);
}

template <class T>
void outer(const T* const* x, const T* const* y, int pairs, int cin, int cout, T* sum) {
  long stride = (cout + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;
  int output = 0;
  for (; output + 2 * WIDTH<T> <= cout; output += 2 * WIDTH<T>)
    outer_columns<T, 2, false>(x, y, pairs, cin, output, 2 * WIDTH<T>, sum, stride);
  int left = cout - output;
  if (left > WIDTH<T>)
    outer_columns<T, 2, true>(x, y, pairs, cin, output, left, sum, stride);
  else if (left == WIDTH<T>)
    outer_columns<T, 1, false>(x, y, pairs, cin, output, left, sum, stride);
  else if (left > 0)
    outer_columns<T, 1, true>(x, y, pairs, cin, output, left, sum, stride);
}

// Runs blocks of four, two and one vectors, and then what is left of one.
template <class T, class Run>
ALWAYS_INLINE void for_channels(int channels, const Run& run) {
  int first = 0;
  for (; first + 4 * WIDTH<T> <= channels; first += 4 * WIDTH<T>) run.template block<4>(first, 4 * WIDTH<T>);
  for (; first + 2 * WIDTH<T> <= channels; first += 2 * WIDTH<T>) run.template block<2>(first, 2 * WIDTH<T>);
  for (; first + WIDTH<T> <= channels; first += WIDTH<T>) run.template block<1>(first, WIDTH<T>);
  if (first < channels) run.template block<1>(first, channels - first);
}

template <class T>
struct Depthwise {
  const T* const* table;
  const int* shift;
  int steps;
  const T* weight;
  int channels;
  T* out;

  template <int VECTORS>
  ALWAYS_INLINE void block(int first, int width) const {
    Vector<T> sum[VECTORS] = {};
    for (int s = 0; s < steps; ++s) {
      const T *x = table[shift[s]] + first, *w = weight + (long)s * channels + first;
      for (int v = 0; v < VECTORS; ++v) {
        int at = v * WIDTH<T>;
        sum[v] += load_part(x + at, width - at) * load_part(w + at, width - at);
      }
    }
    for (int v = 0; v < VECTORS; ++v) store_part(out + first + v * WIDTH<T>, sum[v], width - v * WIDTH<T>);
  }
};

template <class T>
void depthwise(const T* const* table, const int* shift, int steps, const T* weight, int channels, T* out) {
  for_channels<T>(channels, Depthwise<T>{table, shift, steps, weight, channels, out});
}

template <class T>
struct DepthwiseOuter {
  const T *const *x, *const *y;
  int pairs;
  T* sum;

  template <int VECTORS>
  ALWAYS_INLINE void block(int first, int width) const {
    Vector<T> total[VECTORS] = {};
    for (int p = 0; p < pairs; ++p)
      for (int v = 0; v < VECTORS; ++v) {
        int at = first + v * WIDTH<T>, left = width - v * WIDTH<T>;
        total[v] += load_part(x[p] + at, left) * load_part(y[p] + at, left);
      }
    for (int v = 0; v < VECTORS; ++v) {
      int at = first + v * WIDTH<T>, left = width - v * WIDTH<T>;
      store_part(sum + at, load_part(sum + at, left) + total[v], left);
    }
  }
};

template <class T>
void depthwise_outer(const T* const* x, const T* const* y, int pairs, int channels, T* sum) {
  for_channels<T>(channels, DepthwiseOuter<T>{x, y, pairs, sum});
}

}  // namespace

extern const Microkernels<float> JOIN(float_, ISA);
extern const Microkernels<double> JOIN(double_, ISA);
const Microkernels<float> JOIN(float_, ISA) = {TILE, WIDTH<float>, gather, multiply, outer, depthwise, depthwise_outer};
const Microkernels<double> JOIN(double_, ISA) = {TILE, WIDTH<double>, gather, multiply, outer, depthwise, depthwise_outer};

}  // namespace cranial

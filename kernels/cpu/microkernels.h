// The arithmetic inner loops, one set per instruction set, chosen at run time.
#pragma once

namespace cranial {

constexpr int MAX_TILE = 8;

// Packed weights hold, per block of two vectors (at the end perhaps one) of output channels, [cin, block], filled up
// with zeros.
template <class T>
struct Microkernels {
  int tile;        // rows of a full tile, at most MAX_TILE
  int half_block;  // channels of one vector

  // out[r][0:cout] = sum over steps s of table[centre[r] + shift[s]][0:cin] times the packed weights of step s, for
  // rows <= tile. Pointers equal to `zeros`, a row of zeros, mark what is missing.
  void (*gather)(const T* const* table, const int* centre, int rows, const int* shift, int steps, const T* zeros,
                 const T* packed, int cin, int cout, T* out);
  // out[r][0:cout] = in[r][0:cin] times one packed matrix, rows <= tile.
  void (*multiply)(const T* const* in, T* const* out, int rows, const T* packed, int cin, int cout);
  // sum[i][o] += sum over pairs p of x[p][i] * y[p][o]; rows of `sum` are packed_channels(cout) long.
  void (*outer)(const T* const* x, const T* const* y, int pairs, int cin, int cout, T* sum);
  // out[c] = sum over steps s of table[shift[s]][c] * weight[s][c].
  void (*depthwise)(const T* const* table, const int* shift, int steps, const T* weight, int channels, T* out);
  // sum[c] += sum over pairs p of x[p][c] * y[p][c].
  void (*depthwise_outer)(const T* const* x, const T* const* y, int pairs, int channels, T* sum);

  int packed_channels(int channels) const { return (channels + half_block - 1) / half_block * half_block; }
};

template <class T>
const Microkernels<T>& microkernels();

const char* instruction_set();
// False where this machine or build lacks it.
bool set_instruction_set(const char* name);

}  // namespace cranial

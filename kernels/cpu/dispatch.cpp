// Which instruction set the inner loops use: the widest that both this build and this machine have.
#include <cstring>

#include "microkernels.h"

namespace cranial {

extern const Microkernels<float> float_portable;
extern const Microkernels<double> double_portable;
#ifdef WITH_X86
extern const Microkernels<float> float_avx2, float_avx512;
extern const Microkernels<double> double_avx2, double_avx512;
#endif

namespace {

struct Choice {
  const char* name;
  const Microkernels<float>* single;
  const Microkernels<double>* twice;
};

const Choice PORTABLE = {"portable", &float_portable, &double_portable};

#ifdef WITH_X86
const Choice AVX2 = {"avx2", &float_avx2, &double_avx2};
const Choice AVX512 = {"avx512", &float_avx512, &double_avx512};
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() { return has_avx2() && __builtin_cpu_supports("avx512f"); }
#endif

Choice widest() {
#ifdef WITH_X86
  if (has_avx512()) return AVX512;
  if (has_avx2()) return AVX2;
#endif
  return PORTABLE;
}

Choice& chosen() {
  static Choice choice = widest();
  return choice;
}

}  // namespace

template <>
const Microkernels<float>& microkernels<float>() {
  return *chosen().single;
}
template <>
const Microkernels<double>& microkernels<double>() {
  return *chosen().twice;
}

const char* instruction_set() { return chosen().name; }

bool set_instruction_set(const char* name) {
  if (!std::strcmp(name, "portable")) return chosen() = PORTABLE, true;
#ifdef WITH_X86
  if (!std::strcmp(name, "avx2") && has_avx2()) return chosen() = AVX2, true;
  if (!std::strcmp(name, "avx512") && has_avx512()) return chosen() = AVX512, true;
#endif
  return false;
}

}  // namespace cranial

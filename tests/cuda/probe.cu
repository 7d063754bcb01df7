// One warp asks for the prefix of a block, among blocks whose words the test has written.
#include "scan.cuh"

KERNEL probe_prefix(u64* state, i64 block, i64 sum, i64* prefix) {
  u64 found = prefix_of_block(state, block, (u64)sum, lane_index());
  prefix[threadIdx.x] = (i64)found;
}

"""Device functions on the bit masks of bricks: kernels/brick.h once more, for Triton."""

import triton
import triton.language as tl


@triton.jit
def popcount(words):
    """Number of set bits of 64-bit words. LLVM knows these steps and makes them one instruction where there is one."""
    words = words.to(tl.uint64)
    words = words - ((words >> 1) & 0x5555555555555555)
    words = (words & 0x3333333333333333) + ((words >> 2) & 0x3333333333333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F0F0F0F0F
    return ((words * 0x0101010101010101) >> 56).to(tl.int32)


@triton.jit
def rank(words, bit):
    """Number of set bits below ``bit``."""
    one = (bit * 0 + 1).to(tl.uint64)
    return popcount(words.to(tl.uint64) & ((one << bit.to(tl.uint64)) - 1))


@triton.jit
def occupied(words, bit):
    return ((words.to(tl.uint64) >> bit.to(tl.uint64)) & 1) != 0


@triton.jit
def row_at(masks, firsts, brick, x, y, z):
    """Row of voxel (x, y, z), each in [0, 8), of a brick; -1 where it is empty or the brick is -1.

    ``firsts [B, 8]`` are the rows at which the planes of the bricks begin.
    """
    plane = brick.to(tl.int64) * 8 + x
    words = tl.load(masks + plane, mask=brick >= 0, other=0)
    bit = y * 8 + z
    return tl.where(occupied(words, bit), tl.load(firsts + plane, mask=brick >= 0, other=0) + rank(words, bit), -1)

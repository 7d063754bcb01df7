"""Convolution layer by layer: index, forward, gradients and a whole training step of one layer, on every library here.

Each answer is compared with sums in float64 before it is timed. Operations are counted for pairs of neighbours that are
both there, 2·Cin·Cout each, and held against the fastest torch.mm of the same run; bytes, for features read once and
written once, against the fastest copy.
"""

"""Occupancy upsampling: which children of a skull's voxels there are, their coordinates, parents and features.

Eight logits per parent decide; those above zero are kept. Ours makes child masks and sorts nothing. The others generate all
eight children of every parent and prune: plain PyTorch by coordinates and a mask, spconv and MinkowskiEngine by a
transposed convolution that hands each child its logit. What is kept is compared before anything is timed.
"""

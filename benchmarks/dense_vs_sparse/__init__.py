"""One U-Net, dense and sparse: time and memory, forward and training step, on skulls, implants and shells of all fills.

The dense network is torch's conv3d on volumes with channels last in memory, with the same weights; "dense, masked" zeroes
what lies outside after every layer, so that it gives what the sparse one gives, which is checked to 1e-3 before anything
is timed, gradients included. A skull fills a cube, as such networks are run; the band around an implant gets the smallest
box that holds it, which favours dense.
"""

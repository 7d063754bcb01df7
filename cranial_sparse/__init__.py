"""Complete skulls at 512³ with sparse 3D convolution and design the missing implant."""

__version__ = "0.1.0"

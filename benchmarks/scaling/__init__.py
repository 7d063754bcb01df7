"""How time and memory grow: the cascade and the sparse U-Net against resolution, 128³ to 1024³, and against batch size.

A skull is coarsened below 512³ and subdivided beyond. Of each curve the exponent is fitted by least squares through the
logarithms; dense networks have 3. Bone fills the same share of a head at any fine resolution, so the U-Net on the whole
skull comes near 3 there; on its surface it does not, and the cascade starts from a quarter of the resolution.
"""

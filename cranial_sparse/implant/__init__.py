"""From an implant volume to something that can be made: the mesh and its checks."""

from cranial_sparse.implant.mesh import Mesh, implant_mesh

__all__ = ["Mesh", "implant_mesh"]

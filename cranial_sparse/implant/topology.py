"""What can be said about a triangle mesh from its triangles: closed, consistent, how many parts, how much inside."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components


def directed_edges(triangles: NDArray[np.integer]) -> NDArray[np.int64]:
    """The edges [3T, 2] of triangles [T, 3] in the order each triangle walks them."""
    t = np.asarray(triangles, np.int64)
    return np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])


def is_watertight(triangles: NDArray[np.integer]) -> bool:
    """Whether every edge is walked exactly once each way: closed, two triangles per edge, consistently turned.

    No triangle may name a vertex twice. An empty mesh is not watertight.
    """
    edges = directed_edges(triangles)
    if len(edges) == 0 or (edges[:, 0] == edges[:, 1]).any():
        return False
    n = int(edges.max()) + 1
    forward = np.sort(edges[:, 0] * n + edges[:, 1])
    backward = np.sort(edges[:, 1] * n + edges[:, 0])
    return bool((forward == backward).all() and (forward[1:] != forward[:-1]).all())


def signed_volume(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> float:
    """Volume inside a closed mesh (divergence theorem), in cubed units of ``vertices`` [V, 3].

    Positive where triangles turn counter-clockwise seen from outside (right-handed space), negative where clockwise.
    """
    if len(triangles) == 0:
        return 0.0
    corners = vertices.astype(np.float64) - vertices.mean(axis=0, dtype=np.float64)  # [V, 3] less cancellation
    a, b, c = (corners[triangles[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def surface_area(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> float:
    """Area of all triangles, in squared units of ``vertices``."""
    a, b, c = (vertices[triangles[:, i]].astype(np.float64) for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def component_count(vertex_count: int, triangles: NDArray[np.integer]) -> int:
    """How many connected surfaces the triangles make; vertices that no triangle names do not count."""
    if len(triangles) == 0:
        return 0
    return len(np.unique(vertex_parts(vertex_count, triangles)[np.unique(triangles)]))


def vertex_parts(vertex_count: int, triangles: NDArray[np.integer]) -> NDArray[np.int32]:
    """The number [V] of the connected surface that each vertex belongs to."""
    edges = directed_edges(triangles)
    graph = sparse.coo_matrix((np.ones(len(edges), bool), edges.T), shape=(vertex_count, vertex_count))
    return connected_components(graph, directed=False)[1]

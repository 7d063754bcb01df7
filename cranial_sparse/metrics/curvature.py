"""How well an implant's surface runs on from the bone around it: the error of Gaussian curvature at the defect's border.

Kodym et al. (Computers in Biology and Medicine 2021) report such an error; what is computed here is ours. An implant by
itself has an edge where it meets the bone, which would drown everything else, so the surfaces are those of the skull with
the implant in place, and only vertices of the implant's own side count.
Masks are bool [X, Y, Z] on one grid; ``spacing`` is in mm, curvature in mm⁻² (a ball of radius r: 1 / r²).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import KDTree

from cranial_sparse.metrics.boxes import Box, bounding_box, grow

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]
Triple = tuple[float, float, float]
BORDER, RADIUS = 5.0, 2.0  # mm: vertices this close to the border count; curvature is averaged over this radius
BLUR = 1.0  # mm, σ of the Gaussian that takes the voxels' terraces off before the surface is drawn
MARGIN = 16.0  # mm around the border: 5 to a vertex, 5 to its match, 2 of averaging, 4 of blur
WORST = 1 / RADIUS**2  # mm⁻²: a ball of the radius of averaging


def border_curvature_error(prediction: Mask, truth: Mask, defective: Mask, spacing: Triple) -> float:
    """Mean |K_pred − K_true| in mm⁻², in [0, 0.25], over the true implant's surface within 5 mm of the border.

    The border is every voxel of the true implant with a 6-neighbour in the ``defective`` skull. K is the angle defect
    over the mixed area, averaged over 2 mm, on the surface of skull and implant together; K_pred is taken at the nearest
    vertex. Errors are capped at 0.25 mm⁻², the curvature of a ball of 2 mm radius. Two empty masks, or a truth that
    touches no skull: 0, there is nothing to compare. Exactly one empty mask: 0.25.
    """
    if not prediction.any() or not truth.any():
        return 0.0 if prediction.any() == truth.any() else WORST
    border = border_voxels(truth, defective)
    box = bounding_box(border)
    if box is None:
        return 0.0
    true, predicted, skull, rim = (_around(mask, box, spacing) for mask in (truth, prediction, defective, border))
    fields = [_field(mask, spacing) for mask in (true | skull, predicted | skull, true)]
    (points, triangles), (other, other_triangles) = (_surface(field, spacing) for field in fields[:2])
    if len(points) == 0 or len(other) == 0:
        return WORST
    tree = KDTree(np.argwhere(rim) * np.asarray(spacing))
    near = np.isfinite(tree.query(points, distance_upper_bound=BORDER)[0])
    # The blurred whole is one half on its surface; where the implant makes up most of that, the surface is the implant's.
    step = np.array(_steps(spacing)) * spacing
    owned = ndimage.map_coordinates(fields[2], (points / step + 1).T, order=1) >= 0.25
    chosen = np.flatnonzero(near & owned)
    if len(chosen) == 0:
        return 0.0
    k_true = averaged_curvature(points, triangles, chosen)
    k_pred = averaged_curvature(other, other_triangles, KDTree(other).query(points[chosen])[1])
    return float(np.minimum(np.abs(k_pred - k_true), WORST).mean())


def border_voxels(truth: Mask, defective: Mask) -> Mask:
    """Voxels [X, Y, Z] of the true implant with a 6-neighbour in the defective skull."""
    box = bounding_box(truth)
    border = np.zeros_like(truth)
    if box is not None:
        box = grow(box, (1, 1, 1), truth.shape)
        border[box] = truth[box] & ndimage.binary_dilation(defective[box])
    return border


def gaussian_curvature(points: Points, triangles: NDArray[np.integer]) -> tuple[NDArray, NDArray]:
    """Angle defect [V] and mixed area [V] (mm²) of vertices [V, 3] of a closed mesh; K is the one over the other.

    The discrete operator of Meyer, Desbrun, Schröder and Barr (Visualization and Mathematics III, 2003): the Voronoi area
    of a vertex in triangles without an obtuse angle; else half of the triangle at the obtuse corner and a quarter at the
    others. All defects sum up to 2π times the Euler characteristic, all areas to the surface.
    """
    corners = points[triangles]  # [T, 3, 3]
    after, before = corners[:, [1, 2, 0]] - corners, corners[:, [2, 0, 1]] - corners
    dot = (after * before).sum(-1)  # [T, 3]
    double = np.linalg.norm(np.cross(after[:, 0], before[:, 0]), axis=-1)[:, None]  # twice the triangle, [T, 1]
    angle = np.arctan2(double, dot)
    cotangent = dot / np.maximum(double, 1e-12)
    squared = (after**2).sum(-1)  # of the edge from each corner to the next
    voronoi = (squared * cotangent[:, [2, 0, 1]] + squared[:, [2, 0, 1]] * cotangent[:, [1, 2, 0]]) / 8
    obtuse = dot < 0
    area = np.where(obtuse.any(1, keepdims=True), np.where(obtuse, double / 4, double / 8), voronoi)
    flat = np.asarray(triangles).ravel()
    sums = [np.bincount(flat, values.ravel(), minlength=len(points)) for values in (angle, area)]
    return 2 * np.pi - sums[0], sums[1]


def averaged_curvature(points: Points, triangles: NDArray[np.integer], chosen: NDArray[np.integer]) -> Points:
    """K [C] in mm⁻² at the ``chosen`` vertices [C]: the angle defect of all vertices within 2 mm over their area."""
    defect, area = gaussian_curvature(points, triangles)
    places, back = np.unique(chosen, return_inverse=True)
    around = KDTree(points[places]).sparse_distance_matrix(KDTree(points), RADIUS, output_type="coo_matrix")
    near = sparse.csr_array((np.ones(around.nnz), around.coords), shape=around.shape)
    return ((near @ defect) / np.maximum(near @ area, 1e-12))[back]


def _around(mask: Mask, box: Box, spacing: Triple) -> Mask:
    """``mask`` in ``box`` and MARGIN mm around it, empty beyond the array."""
    margin = [int(np.ceil(MARGIN / step)) for step in spacing]
    low = [side.start - m for side, m in zip(box, margin, strict=True)]
    high = [side.stop + m for side, m in zip(box, margin, strict=True)]
    inside = mask[tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))]
    return np.pad(
        inside, [(max(-a, 0), max(b - n, 0)) for a, b, n in zip(low, high, mask.shape, strict=True)], mode="constant"
    )


def _steps(spacing: Triple) -> tuple[int, int, int]:
    """Every how many voxels the blurred field is kept: about 1 mm."""
    x, y, z = (max(1, round(BLUR / step)) for step in spacing)
    return x, y, z


def _field(mask: Mask, spacing: Triple) -> NDArray[np.float32]:
    """The blurred mask at about 1 mm, with a border of zeros, so that its surface is closed."""
    field = np.ascontiguousarray(mask, np.float32)
    for axis, (length, step) in enumerate(zip(spacing, _steps(spacing), strict=True)):
        field = ndimage.gaussian_filter1d(field, BLUR / length, axis, mode="constant")
        field = np.ascontiguousarray(field[(slice(None),) * axis + (slice(None, None, step),)])
    return np.pad(field, 1)


def _surface(field: NDArray[np.float32], spacing: Triple) -> tuple[Points, NDArray[np.int64]]:
    """Marching cubes at one half: vertices [V, 3] in mm from the crop's first voxel, triangles [T, 3]."""
    from skimage.measure import marching_cubes

    if not field.max() > 0.5:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    vertices, triangles, _, _ = marching_cubes(field, 0.5, allow_degenerate=False)
    step = np.array(_steps(spacing)) * spacing
    return (vertices.astype(np.float64) - 1) * step, triangles.astype(np.int64)

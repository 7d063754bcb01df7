"""The mirror operation: what is missing on one side is copied from the other, as surgeons plan it.

The head is reflected in its mid-sagittal plane, laid rigidly onto the bone around the hole, for no head is symmetric, and
bent to meet that bone at the rim. Where the hole crosses the plane the opposite is missing too, and a thin-plate spline
bridges it. The shape model only finds the first guess of the plane, and the hole; what fills it is the patient's own bone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import binary_dilation, distance_transform_edt

from cranial_sparse.classical.hole import find_defect, find_hole
from cranial_sparse.classical.maps import PIXEL_MM, Rays, cast_vault, directions
from cranial_sparse.classical.orbital import Orbit, orbital_share, signed_distance
from cranial_sparse.classical.pose import estimate_pose
from cranial_sparse.classical.radial import FIELD_LEVEL, Vault, hole_box, vault_field
from cranial_sparse.classical.radial_model import RadialModel, shipped_model
from cranial_sparse.classical.symmetry import NEIGHBOURHOOD, other_side, symmetric_pose
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.geometry import Plane, Volume

REACH = 12.0  # mm: the reflected table is looked for this far from the expected one
COMPLETED = 12.0  # mm over the rim, for the field to fade on
POINTS = 800  # of a spline, since its cost grows with their cube
THINNEST, THICKEST = 1.5, 20.0  # mm
BRIDGED = 0.05  # of the hole: less than this without an opposite is not worth a note
LOST = 0.5  # of the hole: with more, there is no intact side to speak of


@dataclass(frozen=True)
class MirrorSettings:
    """What is chosen by cross-validation; experiments.cross_validate --system mirror compares other values."""

    laid_on: float = NEIGHBOURHOOD  # mm around the hole: bone that the reflected head is laid onto
    rim: float = 12.0  # mm from the hole, up to which differences are read that bend the copy
    safe: float = 12.0  # mm from the hole: nearer to it an oblique cut may have taken the inner table
    around: float = 28.0  # mm, from which a spline bridges
    smoothing: float = 1.0  # mm²: how far a spline may pass by its points


SHIPPED_MIRROR = MirrorSettings()


def mirror_completer(skull: Volume, model: RadialModel | None = None) -> Field | None:
    """The Completer: ``skull`` bool [X, Y, Z] on the patient's grid; the field is at 0.9 mm around the holes.

    ``plane`` of the field is the mid-sagittal plane. Raises InputError where there is no bone, too little of the vault
    is in view, or the two sides have too little in common.
    """
    model = model or shipped_model()
    return mirror_field(skull, *estimate_pose(skull, model.outer), model)


def mirror_field(
    skull: Volume, pose: Pose, fitted: NDArray, model: RadialModel, settings: MirrorSettings = SHIPPED_MIRROR
) -> Field | None:
    """As mirror_completer, from a pose near the true one and the table ``fitted`` [P, P] with it."""
    pose, asymmetry = symmetric_pose(skull, pose)
    defect = find_defect(skull, pose, fitted, model)
    if defect is None:
        return None
    expected, rays, hole = defect.expected, defect.rays, defect.hole
    side, residual = other_side(pose, rays.outer, hole, settings.laid_on)
    opposite = cast_vault(skull, side, expected, REACH)
    intact = np.isfinite(opposite.outer) & ~binary_dilation(find_hole(opposite, expected, model), iterations=1)
    vault = mirrored_vault(rays, opposite, hole, intact, settings)
    bridged = float((hole & ~intact).sum() / hole.sum())
    field = vault_field(
        vault, hole_box(vault, canonical_lattice(FIELD_LEVEL)), pose, _orbit(skull, side, hole, intact, model)
    )
    plane = Plane(tuple(map(float, pose.centre)), tuple(map(float, pose.rotation[:, 0])))  # type: ignore[arg-type]
    facts = {
        "plane_normal_lps": list(plane.normal), "plane_point_lps_mm": list(plane.point), "asymmetry_mm": asymmetry,
        "left_around_hole_mm": residual, "without_opposite": bridged,
    }  # fmt: skip
    return Field(field.logits, field.geometry, pose, notes(bridged), facts, plane)


def notes(bridged: float) -> tuple[str, ...]:
    """What to tell the user where a share ``bridged`` of the hole has no opposite."""
    if bridged < BRIDGED:
        return ()
    done = f"{bridged:.0%} of it, whose opposite is missing too, was bridged by a smooth surface from the bone around"
    if bridged > LOST:
        return (f"No side is intact: the defect lies on both sides of the mid-sagittal plane. {done}.",)
    return (f"The defect crosses the mid-sagittal plane: {done}.",)


def mirrored_vault(
    rays: Rays, opposite: Rays, hole: NDArray, intact: NDArray, settings: MirrorSettings = SHIPPED_MIRROR
) -> Vault:
    """The ``hole`` [P, P] and 12 mm around it, filled from the ``opposite`` side where that is ``intact`` [P, P].

    The outer table is bent by its difference to the bone outside the hole, carried in by a spline; thickness is copied as
    it is, since next to a cut it cannot be read.
    """
    region = binary_dilation(hole, iterations=round(COMPLETED / PIXEL_MM) + 1) & directions()[1]
    beyond = distance_transform_edt(~hole) * PIXEL_MM
    outside = np.isfinite(rays.outer) & directions()[1] & (beyond > 1.5 * PIXEL_MM)
    thickness, other = rays.outer - rays.inner, opposite.outer - opposite.inner
    plausible = outside & (thickness > THINNEST) & (thickness < THICKEST)
    sound = intact & (other > THINNEST) & (other < THICKEST)
    outer = np.where(outside, rays.outer, np.nan)
    copied, rim = region & intact, outside & intact & (beyond < settings.rim)
    if rim.any():
        outer[copied] = opposite.outer[copied] + _spline(rays.outer - opposite.outer, rim, copied, "linear", settings)
    thick = np.where(plausible & (beyond > settings.safe), thickness, np.nan)
    thick[region & sound] = other[region & sound]
    outer = _bridged(outer, region, "thin_plate_spline", settings)
    return Vault(outer, np.clip(_bridged(thick, region, "linear", settings), THINNEST, THICKEST), hole)


def _bridged(values: NDArray, region: NDArray, kernel: str, settings: MirrorSettings) -> NDArray[np.float64]:
    """``values`` [P, P] with what is unknown (NaN) in the ``region`` carried in from around; the median elsewhere."""
    unknown = np.isnan(values)
    rest = region & unknown
    filled = np.where(unknown, np.nanmedian(values), values)
    if rest.any():
        near = binary_dilation(rest, iterations=round(settings.around / PIXEL_MM))
        filled[rest] = _spline(values, ~unknown & near, rest, kernel, settings)
    return filled


def _spline(
    values: NDArray, at: NDArray, target: NDArray, kernel: str, settings: MirrorSettings
) -> NDArray[np.float64]:
    """``values`` [P, P] carried from pixels ``at`` to ``target`` (mm, in the order of ``np.nonzero(target)``)."""
    places = np.argwhere(at)
    places = places[:: max(1, -(-len(places) // POINTS))]
    spline = RBFInterpolator(places * PIXEL_MM, values[tuple(places.T)], kernel=kernel, smoothing=settings.smoothing)
    return spline(np.argwhere(target) * PIXEL_MM)


def _orbit(skull: Volume, side: Pose, hole: NDArray, intact: NDArray, model: RadialModel) -> Orbit | None:
    """The orbital region of the other ``side``, where it is intact; None where the hole stays clear of it."""
    share = orbital_share(model.presence) * intact
    if not (share[hole] > 0).any():
        return None
    return Orbit(signed_distance(skull, side)[0].astype(np.float64), share)

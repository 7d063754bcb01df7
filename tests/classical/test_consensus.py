"""The median of three fields, and fields brought to one box."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cranial_sparse.classical import consensus
from cranial_sparse.classical.consensus import consensus_completer, on_box
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import Pose, canonical_lattice
from cranial_sparse.completion.patient import ABSENT
from cranial_sparse.completion.pipeline import complete
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import dsc

POSE = Pose(np.eye(3), np.zeros(3))
LATTICE = canonical_lattice(1)


def box(start: tuple[int, int, int], size: tuple[int, int, int] = (8, 8, 8)) -> Geometry:
    return LATTICE.crop(start, size)


def places(geometry: Geometry) -> np.ndarray:
    """A value of its own for every voxel of the lattice."""
    x, y, z = np.moveaxis(LATTICE.to_index(geometry.to_physical(np.moveaxis(np.indices(geometry.shape), 0, -1))), -1, 0)
    return np.rint(x * 1e4 + y * 100 + z).astype(np.float32)


@given(st.tuples(*[st.integers(-12, 12)] * 3))
def test_a_field_on_another_box_keeps_its_places(shift: tuple[int, int, int]) -> None:
    own, other = box((16, 16, 16)), box(tuple(16 + s for s in shift))  # type: ignore[arg-type]
    found = on_box(Field(torch.from_numpy(places(own)), own, POSE), other)
    inside = np.isin(places(other), places(own))
    np.testing.assert_array_equal(found, np.where(inside, places(other), np.float32(ABSENT)))


@pytest.mark.parametrize("stray", [-50.0, 50.0])
def test_one_that_strays_is_outvoted(stray: float, monkeypatch: pytest.MonkeyPatch, head: Volume) -> None:
    own = box((16, 16, 16))
    field = lambda value: Field(torch.full(own.shape, value), own, POSE)  # noqa: E731
    monkeypatch.setattr(consensus, "posed_defect", lambda *_: object())
    monkeypatch.setattr(consensus, "radial_field", lambda *_: field(0.2))
    monkeypatch.setattr(consensus, "ssm_field", lambda *_: field(stray))
    monkeypatch.setattr(consensus, "tps_field", lambda *_: field(0.4))
    agreed = consensus_completer(head)
    assert agreed is not None
    expected = 0.2 if stray < 0 else 0.4
    np.testing.assert_allclose(agreed.logits.numpy(), expected)
    assert agreed.facts["spread_at_surface_mm"] == pytest.approx((abs(stray) + (0.4 if stray < 0 else -0.2)) / 2)


def test_a_hole_in_the_mean_head_is_filled(defect: tuple[Volume, np.ndarray]) -> None:
    defective, truth = defect
    completion = complete(defective, system="consensus")
    assert dsc(completion.implant.array, truth) > 0.9
    assert completion.weights == ("radial.safetensors", "ssm.safetensors.xz")


def test_a_whole_head_has_nothing_missing(head: Volume) -> None:
    assert consensus_completer(head) is None

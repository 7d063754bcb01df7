"""Agreement with MONAI, where it computes the same thing: DSC, HD, ASD, NSD.

Its HD95 is the larger of the two directed percentiles, so that ours has only NumPy oracles (test_distance.py).
"""

import numpy as np
import pytest

from cranial_sparse.metrics import asd, dsc, hd, nsd

SPACING = (0.5, 0.8, 1.25)


def ellipsoid(shift: float, seed: int) -> np.ndarray:
    """A ragged ellipsoid, [24, 20, 16]."""
    x, y, z = np.meshgrid(*(np.arange(n) * s for n, s in zip((24, 20, 16), SPACING, strict=True)), indexing="ij")
    inside = ((x - 6 - shift) / 4) ** 2 + ((y - 8) / 6) ** 2 + ((z - 10) / 7) ** 2
    return inside + np.random.default_rng(seed).normal(0, 0.05, inside.shape) < 1


@pytest.mark.filterwarnings("ignore::FutureWarning")  # among MONAI's own functions
@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0])
def test_agreement(shift: float):
    monai = pytest.importorskip("monai.metrics", reason="MONAI is not installed: pip install 'cranial-sparse[test]'")
    import torch

    p, g = ellipsoid(shift, 1), ellipsoid(0.0, 2)
    a, b = (torch.from_numpy(np.stack([~m, m])[None].astype(np.float32)) for m in (p, g))
    assert dsc(p, g) == pytest.approx(float(monai.compute_dice(a, b, include_background=False)), abs=1e-6)
    assert hd(p, g, SPACING) == pytest.approx(float(monai.compute_hausdorff_distance(a, b, spacing=SPACING)), abs=1e-5)
    symmetric = monai.compute_average_surface_distance(a, b, symmetric=True, spacing=SPACING)
    assert asd(p, g, SPACING) == pytest.approx(float(symmetric), abs=1e-5)
    for within in (0.3, 1.0, 1.3):
        surface_dice = monai.compute_surface_dice(a, b, [within], spacing=SPACING)
        assert nsd(p, g, SPACING, within) == pytest.approx(float(surface_dice), abs=1e-6)

"""Samples: flips are mirror images, a stored sample is the sample."""

from pathlib import Path

import pytest
import torch

from cranial_sparse.data.samples import MIXTURE, flipped, load_sample, save_sample
from cranial_sparse.networks.cascade import CascadeInputs


def case() -> CascadeInputs:
    generator = torch.Generator().manual_seed(0)
    mask = lambda: (torch.rand((16, 32, 48), generator=generator) > 0.5).to(torch.uint8)  # noqa: E731
    return CascadeInputs(mask(), mask(), torch.randn((8, 16, 24), generator=generator), mask())


def test_flipping_twice_changes_nothing_and_once_mirrors_all_arrays() -> None:
    inputs = case()
    once, twice = flipped(inputs), flipped(flipped(inputs))
    for name in ("skull", "mirrored", "field", "complete"):
        torch.testing.assert_close(getattr(once, name), getattr(inputs, name).flip(0))
        torch.testing.assert_close(getattr(twice, name), getattr(inputs, name))


def test_a_sample_survives_its_file_and_reads_the_same_every_time(tmp_path: Path) -> None:
    inputs, path = case(), tmp_path / "sample.npz"
    save_sample(inputs, path)
    first, second = load_sample(path), load_sample(path)
    for name in ("skull", "mirrored", "complete"):
        assert torch.equal(getattr(first, name), getattr(inputs, name))
    torch.testing.assert_close(first.field, inputs.field, atol=2e-3, rtol=1e-3)  # half precision
    assert torch.equal(first.field, second.field)
    assert list(tmp_path.iterdir()) == [path]


def test_the_mixture_is_a_distribution() -> None:
    assert sum(MIXTURE.values()) == pytest.approx(1.0)

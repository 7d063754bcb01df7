"""Samples: flips are mirror images, a stored sample is what a cascade reads of the sample."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import avg_pool3d

from cranial_sparse.data.samples import MIXTURE, STEPS, flipped, load_sample, save_sample
from cranial_sparse.networks.cascade import Cascade, CascadeConfig, CascadeInputs


def case() -> CascadeInputs:
    generator = torch.Generator().manual_seed(0)
    mask = lambda: (torch.rand((16, 32, 48), generator=generator) > 0.5).to(torch.uint8)  # noqa: E731
    skull = mask()
    return CascadeInputs(skull, mask(), torch.randn((8, 16, 24), generator=generator), skull | mask())


def head() -> CascadeInputs:
    """A shell without its top, and the logits of that; its lower half is out of the proposal's reach."""
    axis = torch.arange(112) - 55.5
    radius = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2).sqrt()
    complete = ((radius > 40) & (radius < 50)).to(torch.uint8)
    open_ = axis[None, None] > 36
    field = avg_pool3d(torch.where(open_, torch.minimum(50 - radius, radius - 40), -20.0)[None], 2)[0]
    skull = complete * ~open_
    return CascadeInputs(skull, skull.flip(0).contiguous(), field, complete)


def test_flipping_twice_changes_nothing_and_once_mirrors_all_arrays() -> None:
    inputs = case()
    once, twice = flipped(inputs), flipped(flipped(inputs))
    for name in ("skull", "mirrored", "field", "complete"):
        torch.testing.assert_close(getattr(once, name), getattr(inputs, name).flip(0))
        torch.testing.assert_close(getattr(twice, name), getattr(inputs, name))


def test_a_whole_sample_survives_its_file_and_reads_the_same_every_time(tmp_path: Path) -> None:
    inputs, path = case(), tmp_path / "sample.xz"
    save_sample(inputs, path, whole=True)
    first, second = load_sample(path), load_sample(path)
    for name in ("skull", "mirrored", "complete"):
        assert torch.equal(getattr(first, name), getattr(inputs, name))
    torch.testing.assert_close(first.field, inputs.field, atol=0.5 / STEPS, rtol=0)
    assert torch.equal(first.field, second.field)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("seed_logit", [-6.0, -7.5])
def test_a_cascade_cannot_tell_what_is_left_out(tmp_path: Path, seed_logit: float) -> None:
    inputs = head()
    save_sample(inputs, tmp_path / "whole.xz", whole=True)
    save_sample(inputs, tmp_path / "near.xz")
    whole, near = load_sample(tmp_path / "whole.xz"), load_sample(tmp_path / "near.xz")
    assert near.skull.sum() < 0.5 * whole.skull.sum()
    assert (tmp_path / "near.xz").stat().st_size < (tmp_path / "whole.xz").stat().st_size
    assert torch.equal(near.complete > near.skull, inputs.complete > inputs.skull)  # type: ignore[operator]
    torch.manual_seed(0)
    network = Cascade(CascadeConfig(((4,), (4,), (4,)), seed_logit=seed_logit)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        for one, other in zip(network(whole), network(near), strict=True):
            assert torch.equal(one.grid.coords, other.grid.coords)
            assert torch.equal(one.logits, other.logits)


def test_logits_beyond_the_limit_are_cut_off(tmp_path: Path) -> None:
    inputs = replace(case(), field=torch.full((8, 16, 24), 1000.0))
    save_sample(inputs, tmp_path / "sample.xz", whole=True)
    assert load_sample(tmp_path / "sample.xz").field.eq(8.0).all()


def test_the_mixture_is_a_distribution() -> None:
    assert sum(MIXTURE.values()) == pytest.approx(1.0)

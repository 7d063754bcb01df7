"""The dense network with the sparse one's weights, and what is asked of both before they are timed."""

from dataclasses import replace

import pytest
import torch

from benchmarks.common import unets
from benchmarks.common.answers import WrongAnswer
from benchmarks.common.dense_unet import dense_unet, masks_of, read, spread
from benchmarks.common.scenes import filled_shell
from benchmarks.common.unets import MASKED, PLAIN
from cranial_sparse.bricks import dilate, from_dense, surface

WIDTHS = (4, 8)
SHAPE = (24, 32, 16)


def a_problem() -> unets.Problem:
    volume = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < 0.3
    return unets.problem(from_dense(volume, (8, -16, 4)), (8, -16, 4), SHAPE, WIDTHS[0])


def test_masked_dense_is_sparse() -> None:
    given, network = a_problem(), unets.unet(WIDTHS, "cpu")
    expected = unets.forward(network, "reference", given)()
    found = read(unets.forward(network, MASKED, given)(), given.grid, given.origin)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.5


def test_without_masks_the_outside_takes_part() -> None:
    given, network = a_problem(), unets.unet(WIDTHS, "cpu")
    dense, masked = (read(unets.forward(network, v, given)(), given.grid, given.origin) for v in (PLAIN, MASKED))
    assert (dense - masked).abs().max() > 0.1


def test_a_full_box_needs_no_masks() -> None:
    shape = (8, 8, 16)
    given = unets.problem(from_dense(torch.ones(shape, dtype=torch.bool)), (0, 0, 0), shape, WIDTHS[0])
    network, masks = unets.unet(WIDTHS, "cpu"), masks_of(given.grid, shape, (0, 0, 0), 2)
    volume = spread(given.features, given.grid, shape, (0, 0, 0))
    assert all(mask.all() for mask in masks)
    torch.testing.assert_close(dense_unet(network, volume, masks), dense_unet(network, volume, None))


def test_features_are_spread_and_read_again() -> None:
    given = a_problem()
    volume = spread(given.features, given.grid, given.shape, given.origin)
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)
    assert int((volume != 0).any(1).sum()) == len(given.grid)
    assert torch.equal(read(volume, given.grid, given.origin), given.features)


@pytest.mark.parametrize("variant", ["native", MASKED, PLAIN])
def test_right_answers_pass(variant: str) -> None:
    unets.check(WIDTHS, variant, a_problem())


def test_the_middle_of_a_large_grid_is_compared_with_a_box_of_it() -> None:
    """A grid larger than the box that the dense oracle takes, at places below zero."""
    grid = dilate(surface(filled_shell(80, 0.3)), 1)
    unets.check(WIDTHS, "native", unets.problem(grid, (-8, -8, -8), (96, 96, 96), WIDTHS[0]))


def test_wrong_answers_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that forgets one offset of the kernel."""
    from cranial_sparse.sparse_conv import native

    right = native.submanifold_conv
    forget = torch.ones(27, 1, 1)
    forget[5] = 0
    monkeypatch.setattr(native, "submanifold_conv", lambda x, w, grid: right(x, w * forget, grid))
    with pytest.raises(WrongAnswer, match=r"features: expected an error of at most 0\.001"):
        unets.check(WIDTHS, "native", a_problem())


def test_wrong_gradients_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that learns nothing at one offset of the kernel."""
    from cranial_sparse.sparse_conv import native

    right = native.submanifold_conv
    learn = torch.ones(27, 1, 1)
    learn[5] = 0
    still = 1 - learn
    monkeypatch.setattr(native, "submanifold_conv", lambda x, w, grid: right(x, w * learn + w.detach() * still, grid))
    with pytest.raises(WrongAnswer, match=r"gradient of .*: expected an error of at most 0\.01 of the norm"):
        unets.check(WIDTHS, "native", a_problem())


def test_an_activation_on_the_other_side_of_zero_is_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen on a card: rounding turned one ReLU, and a gradient's largest error became 0.6 % of its largest value."""
    given = unets.problem(filled_shell(128, 0.2), (0, 0, 0), (128,) * 3, 16)
    given, answer, answers = unets.problem(filled_shell(128, 0.2), (0, 0, 0), (128,) * 3, 16), unets._answer, []

    def rounded(network, part, variant):
        """Of native both times, for it is no error of a library's; the second time from features rounded otherwise."""
        noise = 1e-7 * torch.randn(part.features.shape, generator=torch.Generator().manual_seed(1)) * len(answers)
        answers.append(answer(network, replace(part, features=part.features * (1 + noise)), "native"))
        return answers[-1]

    monkeypatch.setattr(unets, "_answer", rounded)
    unets.check((16, 32, 64), "native", given, whole=False)
    (_, right), (_, found) = answers
    assert max(float((found[name] - right[name]).abs().max() / right[name].abs().max()) for name in right) > 5e-3


def test_a_training_step_changes_the_weights() -> None:
    given = a_problem()
    for variant in ("native", PLAIN):
        network = unets.unet(WIDTHS, "cpu")
        before = network.downs[0].weight.detach().clone()
        unets.training_step(network, variant, given)()
        assert not torch.equal(network.downs[0].weight, before)

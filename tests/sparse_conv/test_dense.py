import pytest
import torch

from cranial_sparse.bricks import coarsen, from_coordinates
from cranial_sparse.errors import InputError
from cranial_sparse.sparse_conv import dense


def test_a_box_that_does_not_fit_is_refused_in_one_line() -> None:
    fine = from_coordinates(torch.tensor([[0, 0, 0, 0], [7, 1023, 1023, 1023]], dtype=torch.int32))
    coarse, features = coarsen(fine), torch.ones(2, 4)
    said = (
        r"backend dense: expected a box whose features take at most 4 GiB, got 3\d.\d GiB for 2 × 1024 × 1024 × 1024 "
    )
    for run in (
        lambda: dense.submanifold_conv(features, torch.ones(27, 4, 1), fine),
        lambda: dense.depthwise_conv(features, torch.ones(27, 4), fine),
        lambda: dense.down_conv(features, torch.ones(8, 4, 1), fine, coarse),
        lambda: dense.up_conv(features, torch.ones(8, 4, 4), coarse, fine),
    ):
        with pytest.raises(InputError, match=said):
            run()


def test_items_that_are_not_used_take_no_room() -> None:
    grid = from_coordinates(torch.tensor([[0, 5, 5, 5], [9000, 5, 5, 6]], dtype=torch.int32))
    assert dense._box(grid).shape == (2, 1, 1, 2)

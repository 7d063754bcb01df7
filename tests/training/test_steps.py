"""Training items in order, whatever came before."""

import pytest
import torch
from torch.utils.data import DataLoader

from cranial_sparse.training.steps import StepLoader
from tests.training.boxes import Boxes


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_loader_goes_on_with_the_next_item(workers: int) -> None:
    dataset = Boxes(3, 6)
    first = StepLoader(DataLoader(dataset, batch_size=None, num_workers=workers))
    iterator = iter(first)
    seen = [next(iterator) for _ in range(2)]  # the workers have prepared more by now
    state = first.state_dict()
    assert state == {"position": 2}
    second = StepLoader(DataLoader(dataset, batch_size=None, num_workers=workers))
    second.load_state_dict(state)
    seen += list(second)
    assert len(seen) == len(second) == 6
    for item, case in enumerate(seen):
        assert torch.equal(case.field, dataset[item].field)
    assert list(second) == []


def test_a_shuffling_loader_is_put_in_order() -> None:
    numbers = list(range(10))
    assert list(StepLoader(DataLoader(numbers, batch_size=None, shuffle=True))) == numbers  # type: ignore[arg-type]

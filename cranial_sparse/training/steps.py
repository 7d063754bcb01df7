"""Training items in order, from any item on."""

import signal
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader


def leave_signals_to_parent(worker: int) -> None:
    """Schedulers and Ctrl-C signal every process; workers go on, so that the step at hand can be finished."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


class StepLoader:
    """The items of ``loader``'s dataset in order 0, 1, 2 …, resumable at the item after the last one handed out.

    Item i must depend on i alone. Then a resumed run sees what an uninterrupted one would, whatever the workers had
    prepared when it stopped. Lightning saves and restores the state with the checkpoint.
    """

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        self.position = 0
        self._items: Iterator[Any] | None = None

    def __len__(self) -> int:
        return len(self.loader.dataset)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        loader = self.loader
        rest = DataLoader(
            loader.dataset,
            batch_size=None,
            sampler=range(self.position, len(self)),
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory,
            worker_init_fn=leave_signals_to_parent,
            multiprocessing_context=loader.multiprocessing_context,
            prefetch_factor=loader.prefetch_factor,
        )
        self._items = iter(rest)
        while self._items is not None and (item := next(self._items, None)) is not None:
            self.position += 1
            yield item

    def close(self) -> None:
        """Ends the workers. They pass over the signal that Python ends them with when it exits, and would keep it waiting."""
        self._items = None

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]

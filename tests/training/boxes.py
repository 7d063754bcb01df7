"""Cases of no use but to exercise the training loop: hollow boxes in the place of skulls, in the blink of an eye."""

import lightning.pytorch as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from cranial_sparse.networks.cascade import CascadeInputs
from cranial_sparse.training.losses import share
from cranial_sparse.training.schedule import item_seed

SIZE = 32
TINY = ["network.widths=[[4,4],[4,4],[4]]", "logging.wandb=disabled", "data.workers=0"]
"""Arguments for a network as small as the boxes."""


def box_case(seed: int, item: int) -> CascadeInputs:
    """A hollow box with a hole in its lid, SIZE voxels wide, and noisy logits of it without the hole."""
    rng = np.random.default_rng(item_seed(seed, item))
    complete = torch.zeros((SIZE,) * 3, dtype=torch.uint8)
    low, high = (int(v) for v in (rng.integers(3, 7), rng.integers(25, 29)))
    complete[low:high, low:high, low:high] = 1
    complete[low + 3 : high - 3, low + 3 : high - 3, low + 3 : high - 3] = 0
    skull = complete.clone()
    x, y = rng.integers(9, 15, 2)
    skull[x : x + 7, y : y + 7, 16:] = 0
    noise = torch.from_numpy(rng.normal(size=(SIZE // 2,) * 3)).float()
    return CascadeInputs(skull, skull.flip(0), 8 * share(complete, 2) - 4 + noise, complete)


class Boxes(Dataset):
    def __init__(self, seed: int, length: int) -> None:
        self.seed, self.length = seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, item: int) -> CascadeInputs:
        return box_case(self.seed, item)


class BoxData(L.LightningDataModule):
    """What SkullDataModule is to the training loop."""

    def __init__(self, config: object, seed: int, length: int, workers: int = 0) -> None:
        super().__init__()
        self.train, self.val = Boxes(seed, length), Boxes(seed + 1, 2)
        self.workers = workers

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, batch_size=None, num_workers=self.workers)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, batch_size=None)

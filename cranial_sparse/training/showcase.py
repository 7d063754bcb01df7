"""What a run shows: pictures of its validation cases, the worst of them in a table, and its files as W&B artifacts."""

import io
from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from cranial_sparse.io.files import write_whole
from cranial_sparse.report.png import encode_png
from cranial_sparse.training.callbacks import BEST, LAST
from cranial_sparse.training.module import Validated
from cranial_sparse.training.picture import PALETTE

WORST = 5
SHOWN = ("dsc", "bdsc", "hd95", "loss")
PREDICTIONS = "predictions.npz"


class Showcase(Callback):
    """After every validation a picture of its first case, ``folder``/pictures/step_NNNNNN.png, and in W&B a table of the
    worst. When the run ends its predictions, ``folder``/predictions.npz, and in W&B two artifacts: checkpoints
    ("model") and those predictions.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        validated: list[Validated] = getattr(pl_module, "validated", [])
        if not validated:
            return
        pictures = self.folder / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        path = pictures / f"step_{trainer.global_step:06d}.png"
        path.write_bytes(encode_png(validated[0].picture, PALETTE))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                import wandb

                rows = [
                    [number, *(case.scores[name] for name in SHOWN), wandb.Image(PALETTE[case.picture])]
                    for number, case in worst(validated)
                ]
                logger.log_image("val/case", [str(path)])
                logger.log_table("val/worst", columns=["case", *SHOWN, "picture"], data=rows)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        validated: list[Validated] = getattr(pl_module, "validated", [])
        if validated:
            write_whole(self.folder / PREDICTIONS, packed(validated))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                import wandb

                for kind, names in (("model", (LAST, BEST)), ("predictions", (PREDICTIONS,))):
                    files = [self.folder / name for name in names if (self.folder / name).is_file()]
                    artifact = wandb.Artifact(f"{self.folder.name}-{kind}", type=kind)
                    for file in files:
                        artifact.add_file(str(file))
                    if files:
                        logger.experiment.log_artifact(artifact)


def worst(validated: list[Validated]) -> list[tuple[int, Validated]]:
    """The cases of the lowest DSC with their numbers, the worst first."""
    return sorted(enumerate(validated), key=lambda one: one[1].scores["dsc"])[:WORST]


def packed(validated: list[Validated]) -> bytes:
    """An npz with ``case_N`` (bits of the implant, np.packbits) and ``case_N_shape`` of every case."""
    arrays = {f"case_{number}": np.packbits(case.implant) for number, case in enumerate(validated)}
    shapes = {f"case_{number}_shape": np.array(case.implant.shape) for number, case in enumerate(validated)}
    data = io.BytesIO()
    np.savez_compressed(data, **arrays, **shapes)  # type: ignore[arg-type]
    return data.getvalue()

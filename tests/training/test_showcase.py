"""What a run shows of its validation cases, on disk and in W&B."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cranial_sparse.config import load_config
from cranial_sparse.training.logs import close_loggers, make_loggers
from cranial_sparse.training.module import Validated
from cranial_sparse.training.showcase import PREDICTIONS, WORST, Showcase, packed, worst
from experiments.train import CONFIGS


def case(dsc: float) -> Validated:
    rng = np.random.default_rng(int(100 * dsc))
    scores = {"dsc": dsc, "bdsc": dsc, "hd95": 1.0, "loss": 0.5}
    return Validated(scores, rng.integers(0, 5, (4, 6), np.uint8), rng.random((3, 5, 7)) < 0.5)


def test_the_worst_come_first_with_their_numbers() -> None:
    cases = [case(dsc) for dsc in (0.9, 0.5, 0.8, 0.7, 0.95, 0.6, 0.85)]
    assert [number for number, _ in worst(cases)] == [1, 5, 3, 2, 6]
    assert len(worst(cases)) == WORST


def test_predictions_come_back_as_they_were(tmp_path: Path) -> None:
    cases = [case(0.9), case(0.4)]
    (tmp_path / "p.npz").write_bytes(packed(cases))
    with np.load(tmp_path / "p.npz") as stored:
        for number, one in enumerate(cases):
            shape = tuple(stored[f"case_{number}_shape"])
            implant = np.unpackbits(stored[f"case_{number}"], count=np.prod(shape)).reshape(shape)
            np.testing.assert_array_equal(implant, one.implant)


def test_no_validation_leaves_no_file(tmp_path: Path) -> None:
    trainer, module = SimpleNamespace(loggers=[], global_step=3), SimpleNamespace(validated=[])
    show = Showcase(tmp_path / "run")
    show.on_validation_end(trainer, module)  # type: ignore[arg-type]
    show.on_fit_end(trainer, module)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_wandb_gets_a_table_of_the_worst_and_both_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real offline run: what the service would get lies in the run's folder."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "staged"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "run"
    loggers = make_loggers(load_config(["experiment=cascade", "logging.wandb=offline"], CONFIGS), folder)
    logged: list[str] = []
    record = loggers[1].experiment.log_artifact
    monkeypatch.setattr(
        loggers[1].experiment, "log_artifact", lambda one: logged.append(f"{one.type}: {one.name}") or record(one)
    )
    (folder / "last.ckpt").write_bytes(b"weights")
    trainer = SimpleNamespace(loggers=loggers, global_step=7)
    module = SimpleNamespace(validated=[case(dsc) for dsc in (0.9, 0.3)])
    show = Showcase(folder)
    show.on_validation_end(trainer, module)  # type: ignore[arg-type]
    show.on_fit_end(trainer, module)  # type: ignore[arg-type]
    close_loggers(loggers, failed=False)
    assert [name.split(":")[0] for name in logged] == ["run_table", "model", "predictions"]
    assert logged[1:] == ["model: run-model", "predictions: run-predictions"]
    assert (folder / "pictures" / "step_000007.png").is_file()
    assert (folder / PREDICTIONS).is_file()
    media = {path.suffix for path in folder.glob("wandb/offline-run-*/files/media/**/*") if path.is_file()}
    assert media == {".png", ".json"}  # the pictures and the table

"""Which skulls may be trained on, and how each is read: packed SkullFix, and whatever ``cranial-sparse prepare`` packed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cranial_sparse.bricks import to_dense
from cranial_sparse.data.datasets import split_by_skull
from cranial_sparse.data.layouts import PACKED_SUFFIX, Case, read_splits
from cranial_sparse.data.packed_skullfix import read_packed
from cranial_sparse.data.prepared import MANIFEST, load_prepared, read_manifest
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Volume


@dataclass(frozen=True)
class TrainingSkull:
    """A complete skull that may be trained on; ``name`` is how the radial maps list it, ``made_of`` what it was made of: of
    itself, or of those that were crossed. ``content`` is the hash of what was prepared, "" for a packed SkullFix skull."""

    name: str
    path: Path
    made_of: tuple[str, ...]
    content: str = ""

    @property
    def crossed(self) -> bool:
        """Whether it is one head in the shape of another."""
        return len(self.made_of) > 1

    def read(self) -> tuple[Volume, Volume | None]:
        """The complete skull and the defect that came with it, both bool and on one geometry; None where none did.

        A packed SkullFix skull comes on the scanner's grid, a prepared one on its canonical lattice. Raises InputError
        where the file is damaged.
        """
        if self.path.name.endswith(PACKED_SUFFIX):
            return read_packed(self.path)
        prepared = load_prepared(self.path)
        shape = prepared.lattice.shape
        if prepared.complete is None:
            raise InputError(f"{self.path}: expected a complete skull, found a defective one; prepare the folder again")
        complete = Volume(to_dense(prepared.complete, shape).numpy(), prepared.lattice)
        implant = (
            None if prepared.implant is None else Volume(to_dense(prepared.implant, shape).numpy(), prepared.lattice)
        )
        return complete, implant


def skullfix_folder(folder: str) -> Path:
    """The folder with the packed skulls, in ``folder`` or where CRANIAL_SPARSE_DATA points. Raises InputError."""
    given = folder or os.environ.get("CRANIAL_SPARSE_DATA", "")
    found = Path(given) / "skullfix"
    if not given or not (found / "cases.csv").is_file():
        raise InputError(
            f"data.folder: expected a folder with skullfix/cases.csv, got '{given}'; set CRANIAL_SPARSE_DATA or give "
            "data.folder or data.prepared"
        )
    return found


def listed_skulls(names: Sequence[str], folder: Path) -> list[TrainingSkull]:
    """The packed skulls of ``names`` in ``folder``. Raises InputError where its cases.csv does not call one "train"."""
    splits = read_splits(folder / "cases.csv")
    for name in names:
        if splits.get(name) != "train":
            found = splits.get(name, "no such skull")
            raise InputError(
                f"data.maps: lists skull {name}, which {folder / 'cases.csv'} calls '{found}', not 'train'; build the maps "
                "again with experiments.build_radial"
            )
    return [TrainingSkull(name, folder / f"{name}{PACKED_SUFFIX}", (name,)) for name in names]


def prepared_skulls(folders: Sequence[str]) -> list[TrainingSkull]:
    """The complete training skulls of folders that ``cranial-sparse prepare`` made, each once whatever its defects.

    What the collection calls "val" or "test" stays out; of a collection without splits an eighth of the skulls does.
    Raises InputError where a folder has no manifest, or no complete skull that may be trained on.
    """
    skulls: list[TrainingSkull] = []
    for folder in map(Path, folders):
        entries = [entry for entry in read_manifest(folder) if "complete" in entry["ml"]]
        cases = [Case(one["id"], one["skull_id"], folder / one["file"], split=one["split"]) for one in entries]
        chosen = {case.skull_id: case for case in reversed(split_by_skull(cases)["train"])}
        if not chosen:
            raise InputError(
                f"data.prepared: {folder / MANIFEST} lists no complete skull for training; prepare a collection that has some"
            )
        made_of = {entry["skull_id"]: tuple(entry.get("made_of") or (entry["skull_id"],)) for entry in entries}
        content = {entry["skull_id"]: entry["packed_sha256"] for entry in reversed(entries)}
        skulls += [
            TrainingSkull(name, case.complete, made_of[name], content[name])
            for name, case in sorted(chosen.items())
            if case.complete
        ]
    return skulls

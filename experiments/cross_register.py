"""Every training skull in the shape of every other, for training: ``python -m experiments.cross_register --out runs/crossed``.

The first skull of a pair is brought onto the second, rigidly, by an affine map, or by demons after that (``--kind``), and packed
like a prepared skull, AAA_onto_BBB.skull.zip. Train on them with data.prepared=[runs/crossed]: both stay out of the shape model
that proposes, and out of training in a fold that leaves one of them out.

All 4,828 pairs of 70 skulls take about 25 seconds each on one core; --count takes the first so many of a fixed random order.
Pairs that are there already are kept, so an interrupted run goes on where it stopped.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import lru_cache, partial
from itertools import permutations
from pathlib import Path

import numpy as np
from rich.progress import track

from cranial_sparse.classical.folds import SAME_HEAD
from cranial_sparse.cli.folders import check_writable
from cranial_sparse.cli.provenance import versions
from cranial_sparse.data.crossed import KINDS, VERSION, Head, Kind, crossed, head_of
from cranial_sparse.data.layouts import Case
from cranial_sparse.data.packed_skullfix import packed_paths, read_packed
from cranial_sparse.data.prepare import Outcome, finished_case, made_by, manifest_facts, write_manifest
from cranial_sparse.data.prepared import SUFFIX, Source, load_prepared, save_prepared
from cranial_sparse.errors import InputError, in_one_line

ORDER_SEED = 0
KEPT = 6  # heads in memory, about 200 MB each
Pair = tuple[Path, Path]


def pairs(paths: list[Path], count: int | None) -> list[Pair]:
    """The first ``count`` (moving, fixed) pairs, or all, in an order that goes evenly through the skulls."""
    names = [path.name[:3] for path in paths]
    same = {frozenset(pair) for pair in SAME_HEAD}
    every = [(a, b) for a, b in permutations(range(len(paths)), 2) if frozenset((names[a], names[b])) not in same]
    order = np.random.default_rng(ORDER_SEED).permutation(len(every))
    return [(paths[every[k][0]], paths[every[k][1]]) for k in order[:count]]


@lru_cache(KEPT)
def head(path: Path) -> Head:
    return head_of(*read_packed(path))


def name_of(pair: Pair) -> str:
    return "_onto_".join(path.name[:3] for path in pair)


def source_of(pair: Pair, kind: Kind) -> Source:
    name, digest = name_of(pair), hashlib.sha256(b"".join(one.read_bytes() for one in pair)).hexdigest()
    return Source(name, name, kind, "train", digest, f"{made_by()}, crossed {VERSION}", tuple(name.split("_onto_")))


def cross_into(pair: Pair, kind: Kind, out: Path) -> Outcome:
    """Cross one pair into ``out``, unless the same has been before; what goes wrong is in the outcome."""
    name = name_of(pair)
    path = out / f"{name}{SUFFIX}"
    case = Case(name, name, path, kind=kind, split="train")
    try:
        source = source_of(pair, kind)
        prepared = finished_case(path, source)
        skipped = prepared is not None
        if prepared is None:
            prepared = crossed(head(pair[0]), head(pair[1]), kind, source)
            save_prepared(prepared, path)
        return Outcome(case, manifest_facts(prepared, path, out), skipped=skipped)
    except InputError as error:
        return Outcome(case, error=f"{name}: {error}")
    except (OSError, MemoryError, ValueError, RuntimeError) as error:  # ValueError: a system that cannot be solved, too
        return Outcome(case, error=f"{name}: {type(error).__name__}: {' '.join(str(error).split())}")


def there_before(every: list[Pair], done: list[Outcome], out: Path) -> list[Outcome]:
    """Pairs of earlier runs that this one did not come to, of whatever kind, so that the manifest lists them still."""
    named = {outcome.case.id for outcome in done}
    kept = []
    for pair in every:
        path = out / f"{name_of(pair)}{SUFFIX}"
        if name_of(pair) in named or not path.is_file():
            continue
        with suppress(InputError):  # damaged, or of another version: the next run makes it again
            prepared = load_prepared(path)
            if prepared.source == source_of(pair, prepared.source.kind):  # type: ignore[arg-type]
                case = Case(name_of(pair), name_of(pair), path, kind=prepared.source.kind, split="train")
                kept.append(Outcome(case, manifest_facts(prepared, path, out), skipped=True))
    return kept


def outcomes(todo: list[Pair], kind: Kind, out: Path, jobs: int) -> Iterator[Outcome]:
    """Cross all pairs, ``jobs`` at a time; outcomes as they come."""
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(partial(cross_into, kind=kind, out=out), pair): pair for pair in todo}
        try:
            for done in as_completed(running):
                try:
                    yield done.result()
                except RuntimeError as error:  # a worker was killed, for want of memory as a rule
                    name = name_of(running[done])
                    yield Outcome(Case(name, name, out / f"{name}{SUFFIX}", kind=kind), error=f"{name}: {error}")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the crossed skulls, 0.2 MB each")
    parser.add_argument("--kind", choices=KINDS, default="demons", help="how the first is brought onto the second")
    parser.add_argument("--count", type=int, help="pairs (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="pairs at a time, about 2 GB each (default: %(default)s)")
    args = parser.parse_args()
    if (args.count is not None and args.count < 1) or args.jobs < 1:
        raise InputError(f"--count {args.count}, --jobs {args.jobs}: expected at least 1")
    paths = packed_paths(args.data, "train")
    todo = pairs(paths, args.count)
    check_writable(args.out)
    done: list[Outcome] = []
    try:
        for outcome in track(outcomes(todo, args.kind, args.out, args.jobs), "crossing", len(todo)):
            done.append(outcome)
            if outcome.error:
                print(outcome.error, file=sys.stderr)
    finally:
        if done:
            before = there_before(pairs(paths, None), done, args.out)
            write_manifest(Path(args.data), args.out, [*done, *before], versions())
    failed = sum(outcome.error is not None for outcome in done)
    print(
        f"{args.out}: {len(done) - failed} crossed skulls, {sum(one.skipped for one in done)} of them were there; {failed} failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""What every level of the cascade adds, on real skulls: ``python -m benchmarks.levels --out benchmarks/results``.

For each validation case (the official defects and the SkullBreak-like ones, or the sets that --set names) the proposal
and the field after each level are interpolated to the patient's own grid and scored there. Beside them stand the ceiling
of each lattice (the true implant sampled onto it and interpolated back) and how many voxels were grown. Resumable: cases
that levels.json has from the same weights and version are kept.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch

from benchmarks.cases import SETS, FixedCase, listed, load
from benchmarks.common import machine
from benchmarks.leaderboard import entries
from cranial_sparse import __version__
from cranial_sparse.bricks import coordinates
from cranial_sparse.classical.radial import radial_completer
from cranial_sparse.completion.completer import Field
from cranial_sparse.completion.frame import halved
from cranial_sparse.completion.inputs import cascade_inputs
from cranial_sparse.completion.patient import missing_bone, patient_logits
from cranial_sparse.completion.refine import dense_logits, level_lattice, shipped_network
from cranial_sparse.completion.resampling import to_lattice
from cranial_sparse.data.packed_skullfix import packed_paths
from cranial_sparse.errors import in_one_line
from cranial_sparse.geometry import Volume
from cranial_sparse.io.files import write_whole
from cranial_sparse.metrics import bdsc, dsc, failed_case, hd95
from cranial_sparse.networks.cascade import CascadeInputs, LevelOutput, share_at
from cranial_sparse.sparse_conv.backends import BACKENDS, load_backend

STAGES = ("proposal", "1.8 mm", "0.9 mm", "0.45 mm")


def score_case(case: FixedCase, data: Path, backend: str) -> dict:
    """Scores of one case after every stage; a stage without prediction counts at its worst."""
    complete, defective, implant = load(case, data)
    started = time.perf_counter()
    proposal = radial_completer(defective)
    row: dict = {"true_ml": float(implant.array.sum() * implant.geometry.voxel_volume / 1e3)}
    row["propose_s"] = time.perf_counter() - started
    if proposal is None:
        failed = failed_case(implant)
        return row | {stage: {key: getattr(failed, key) for key in ("dsc", "bdsc_10mm", "hd95")} for stage in STAGES}
    fields = {"proposal": proposal}
    network = shipped_network(backend)
    inputs = cascade_inputs(defective, proposal, complete)
    started = time.perf_counter()
    with torch.inference_mode():
        outputs = network(inputs)
    row["network_s"] = time.perf_counter() - started
    for level, stage in enumerate(STAGES[1:], 1):
        logits = dense_logits(inputs, outputs[:level], network.config.keep)
        fields[stage] = Field(logits, level_lattice(proposal.geometry, level), proposal.pose)
    for stage, field in fields.items():
        found = missing_bone(*patient_logits(field, defective.geometry), defective)
        row[stage] = scores(found, implant, defective)
    row["levels"] = grown(inputs, outputs)
    row["ceiling"] = ceilings(implant, proposal)
    return row


def scores(found: Volume, implant: Volume, defective: Volume) -> dict[str, float]:
    """What the page shows: all of evaluate_case would take longer than the network, four times a case."""
    masks, spacing = (found.array, implant.array), implant.geometry.spacing
    return {
        "dsc": dsc(*masks), "bdsc_10mm": bdsc(*masks, defective.array, spacing), "hd95": hd95(*masks, spacing),
    }  # fmt: skip


def grown(inputs: CascadeInputs, outputs: tuple[LevelOutput, ...]) -> dict[str, dict[str, float]]:
    """Per level: candidates, voxels kept of them, and the share of the missing bone that those cover.

    Candidates are all voxels of the box on the first level, and then the children of the voxels kept before.
    """
    assert inputs.complete is not None
    missing = ((inputs.complete > 0) & (inputs.skull == 0)).to(torch.uint8)
    report = {}
    for index, output in enumerate(outputs):
        factor = round(output.spacing / 0.45)
        covered = share_at(missing[None], coordinates(output.grid), output.spacing).sum() * factor**3
        candidates = 8 * outputs[index - 1].grid.num_voxels if index else inputs.skull.numel() // factor**3
        report[STAGES[index + 1]] = {
            "voxels": output.grid.num_voxels,
            "candidates": candidates,
            "recall": float(covered / missing.sum().clamp(min=1)),
        }
    return report


def ceilings(implant: Volume, proposal: Field) -> dict[str, float]:
    """DSC of the true implant after a trip to each lattice (mean-pooled to a soft field) and back."""
    truth = to_lattice(implant, proposal.pose, halved(proposal.geometry)).astype(np.float32)
    result = {}
    for level, stage in zip((3, 2, 1), reversed(STAGES[1:]), strict=True):
        field = Field(torch.from_numpy(truth - 0.5), level_lattice(proposal.geometry, level), proposal.pose)
        logits, box = patient_logits(field, implant.geometry)
        back = np.zeros_like(implant.array)
        back[box] = logits > 0
        result[stage] = dsc(back, implant.array)
        truth = truth.reshape(truth.shape[0] // 2, 2, truth.shape[1] // 2, 2, truth.shape[2] // 2, 2).mean((1, 3, 5))
    return result


def page(cases: dict[str, dict]) -> str:
    """Markdown: every set, every stage, and the growth; ``cases`` by their names."""
    lines = ["# What every level adds", "", f"`python -m benchmarks.levels`, {machine()['processor']}, two cores.", ""]
    for title in SETS:
        rows = {case.name: cases[case.name] for case in listed(title) if case.name in cases}
        if not rows:
            continue
        lines += [f"## {title}, {len(rows)} cases", "", "| stage | DSC | worst | bDSC | HD95, mm | ceiling, DSC |"]
        lines.append("|---|---|---|---|---|---|")
        for stage in STAGES:
            of = lambda key: [row[stage][key] for row in rows.values()]  # noqa: B023, E731
            top = [row["ceiling"][stage] for row in rows.values() if stage in row.get("ceiling", {})]
            ceiling = f"{mean(top):.4f}" if top else "–"
            lines.append(
                f"| {stage} | {mean(of('dsc')):.4f} | {min(of('dsc')):.4f} | {mean(of('bdsc_10mm')):.4f} "
                f"| {mean(of('hd95')):.2f} | {ceiling} |"
            )
        lines += [
            "",
            "| level | candidates, median | voxels kept, median | kept | recall of the missing bone |",
            "|---|---|---|---|---|",
        ]
        for stage in STAGES[1:]:
            of = lambda key: [row["levels"][stage][key] for row in rows.values() if "levels" in row]  # noqa: B023, E731
            lines.append(
                f"| {stage} | {median(of('candidates')):,.0f} | {median(of('voxels')):,.0f} "
                f"| {sum(of('voxels')) / sum(of('candidates')):.1%} | {mean(of('recall')):.4f} |"
            )
        lines.append("")
    lines += ["## Every case", "", "| case | ml | " + " | ".join(f"DSC {stage}" for stage in STAGES) + " | HD95, mm |"]
    lines.append("|---|---|" + "---|" * (len(STAGES) + 1))
    for name, row in sorted(cases.items()):
        figures = " | ".join(f"{row[stage]['dsc']:.3f}" for stage in STAGES)
        lines.append(f"| {name} | {row['true_ml']:.0f} | {figures} | {row[STAGES[-1]]['hd95']:.2f} |")
    return "\n".join(lines) + "\n"


def finished(path: Path, made_by: dict[str, str]) -> dict[str, dict]:
    """The cases of an earlier run with the same weights and version, or none."""
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return stored["cases"] if stored.get("made_by") == made_by else {}


@in_one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CRANIAL_SPARSE_DATA"), help="folder with skullfix/"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", choices=SETS, action="append", help="default: official and skullbreak_like")
    parser.add_argument("--smoke", action="store_true", help="the first case of each set only")
    parser.add_argument("--backend", choices=tuple(BACKENDS), default="native", help="what the convolutions run on")
    args = parser.parse_args()
    load_backend(args.backend)
    packed_paths(args.data, "val")  # raises where there are none
    wanted = listed(*(args.set or SETS[:2]), smoke=args.smoke)
    target = args.out / "levels.json"
    made_by = entries.made_by("radial" + entries.REFINED) | {"cranial-sparse": __version__}
    made_by |= {} if args.backend == "native" else {"backend": args.backend}
    cases = finished(target, made_by)
    todo = [case for case in wanted if case.name not in cases]
    score = partial(score_case, data=args.data, backend=args.backend)
    with ProcessPoolExecutor(args.jobs) as pool:
        for case, row in zip(todo, pool.map(score, todo), strict=True):
            cases[case.name] = row
            print(f"{case.name}: " + "  ".join(f"{stage} {row[stage]['dsc']:.3f}" for stage in STAGES), flush=True)
            write_whole(target, json.dumps({"machine": machine(), "made_by": made_by, "cases": cases}, indent=1))
    write_whole(args.out / "levels.md", page(cases))
    print(page(cases).split("## Every case")[0])


if __name__ == "__main__":
    sys.exit(main())

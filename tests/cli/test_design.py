"""``cranial-sparse design`` from files to a folder: everything or nothing."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from cranial_sparse.cli import main
from cranial_sparse.cli.batch import complete_all
from cranial_sparse.cli.case import Options
from cranial_sparse.cli.inputs import find_inputs
from cranial_sparse.cli.solid import BROWSERS, find_browser, print_page, read_spread, weights_beside
from cranial_sparse.completion.completion import Completion
from cranial_sparse.errors import InputError
from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.implant.topology import is_watertight, signed_volume
from cranial_sparse.io.mesh import read_mesh
from cranial_sparse.io.volume import read_volume, write_volume

pytest.importorskip("open3d", reason="Open3D does not load", exc_type=ImportError)

FILES = {"implant.stl", "implant.ply", "implant.3mf", "implant.glb", "implant.nrrd", "checks.json", "report.html"}
COARSE = "solid.voxel_mm=0.6"
Case = tuple[Volume, Volume]


@pytest.fixture(scope="module")
def files(holed: Case, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("in")
    for name, volume in zip(("skull", "missing"), holed, strict=True):
        write_volume(folder / f"{name}.nrrd", Volume(volume.array.view(np.uint8), volume.geometry))
    return folder / "missing.nrrd", folder / "skull.nrrd"


def run(files: tuple[Path, Path], out: Path, *more: str, options: tuple[str, ...] = (COARSE,)) -> int:
    implant, skull = files
    return main(["design", str(implant), "--skull", str(skull), "--out", str(out), *more, "--set", *options])


@pytest.fixture(scope="module")
def finished(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished folder, to be read only."""
    out = tmp_path_factory.mktemp("out") / "deep" / "solid"
    assert run(files, out, "--strict", options=(COARSE, "engraving.text=A17")) == 0
    return out


def test_a_folder_holds_the_solid_in_every_format(finished: Path, holed: Case):
    assert {path.name for path in finished.iterdir()} == FILES
    assert [path.name for path in finished.parent.iterdir()] == ["solid"]
    skull, missing = holed
    voxels = read_volume(finished / "implant.nrrd")
    assert voxels.geometry == skull.geometry
    assert voxels.array.dtype == np.uint8
    assert not (voxels.array.astype(bool) & skull.array).any()
    meshes = [read_mesh(finished / f"implant{suffix}") for suffix in (".stl", ".ply")]
    for vertices, triangles in meshes:
        assert is_watertight(triangles)
        assert signed_volume(vertices, triangles) / 1000 == pytest.approx(voxels.array.sum() / 1000, rel=0.02)
        inside = missing.geometry.to_physical(np.argwhere(missing.array))
        assert (vertices > inside.min(axis=0) - 1).all()
        assert (vertices < inside.max(axis=0) + 1).all()
    assert len(meshes[0][1]) == len(meshes[1][1])
    with zipfile.ZipFile(finished / "implant.3mf") as package:
        model = package.read("3D/3dmodel.model").decode()
    assert "missing A17, peek" in model
    assert model.count("<triangle ") == len(meshes[0][1])
    assert (finished / "implant.glb").read_bytes()[:4] == b"glTF"


def test_checks_are_written_with_what_decided_them(finished: Path, files: tuple[Path, Path]):
    checks = json.loads((finished / "checks.json").read_text(encoding="utf-8"))
    assert checks["passed"] is True
    (part,) = checks["parts"]
    assert part["name"] == "implant"
    figures = {item["name"]: item for item in part["checks"]}
    assert figures["mass"]["value"] == pytest.approx(1.3 * figures["volume"]["value"], rel=1e-4)
    assert figures["watertight"]["passed"] is True
    assert figures["volume"]["passed"] is None
    assert np.linalg.norm(part["outward"]) == pytest.approx(1, abs=1e-5)
    assert checks["options"]["solid"]["voxel_mm"] == 0.6
    assert checks["options"]["engraving"]["text"] == "A17"
    assert checks["source"]["path"] == str(files[1])
    assert len(checks["source"]["sha256"]) == 64
    assert checks["implant"]["path"] == str(files[0])
    assert len(checks["implant"]["sha256"]) == 64
    assert {"open3d-cpu", "manifold3d"} <= checks["versions"].keys()
    page = (finished / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")  # where a key may break
    for text in ("checks passed", "A17", "engraving.text", "solid.voxel_mm", "Thickness", "Clearance", "checks.json"):
        assert text in page
    assert "Deviation from truth" not in page


def test_the_terminal_says_what_came_of_it(files: tuple[Path, Path], tmp_path: Path, capsys):
    options = (COARSE, "fit.minimum_wall_mm=20", "fit.clearance_mm=1")
    assert run(files, tmp_path / "out", options=options) == 0  # a failed check is told; the status is for --strict
    said = capsys.readouterr().out.splitlines()
    assert re.match(r"implant: [\d.]+ ml, [\d.]+ g.*CHECKS FAILED", said[0])
    assert any(re.fullmatch(r"  check failed: .* is .*, expected .*", line) for line in said[1:])


def test_strict_tells_a_failed_check_by_its_status(files: tuple[Path, Path], tmp_path: Path, monkeypatch):
    monkeypatch.setattr("cranial_sparse.implant.checks.COVERED", 1.01)  # no solid covers more than everything
    assert run(files, tmp_path / "out", "--strict") == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    checks = json.loads((tmp_path / "out" / "checks.json").read_text(encoding="utf-8"))
    assert checks["passed"] is False
    assert [i["name"] for i in checks["parts"][0]["checks"] if i["passed"] is False] == ["coverage of the opening"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "1 failed:</strong> coverage of the opening." in page


def test_a_finished_design_is_kept_until_overwritten(finished: Path, files: tuple[Path, Path], tmp_path: Path, capsys):
    out = tmp_path / "solid"
    shutil.copytree(finished, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run(files, out) == 1
    assert re.fullmatch(r"error: --out .*: holds a finished design; give --overwrite .*\n", capsys.readouterr().err)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(files, out, "--overwrite") == 0
    assert json.loads((out / "checks.json").read_text())["options"]["engraving"]["text"] == ""
    assert [path.name for path in tmp_path.iterdir()] == ["solid"]


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_folder_with_something_else_is_left_alone(files: tuple[Path, Path], tmp_path: Path, capsys, more: tuple[str]):
    out = tmp_path / "patient"
    out.mkdir()
    (out / "scan.dcm").write_text("precious")
    assert run(files, out, *more) == 1
    assert "exists and is not a design of this program" in capsys.readouterr().err
    assert (out / "scan.dcm").read_text() == "precious"
    assert [path.name for path in out.iterdir()] == ["scan.dcm"]
    file = tmp_path / "file"
    file.write_text("precious")
    assert run(files, file, *more) == 1
    assert file.read_text() == "precious"


def test_checks_of_others_are_not_taken_for_ours(files: tuple[Path, Path], tmp_path: Path, capsys):
    out = tmp_path / "theirs"
    out.mkdir()
    for text in ("not JSON", "[]", '{"schema": 1}'):
        (out / "checks.json").write_text(text)
        assert run(files, out, "--overwrite") == 1
        assert "is not a design of this program" in capsys.readouterr().err
        assert (out / "checks.json").read_text() == text


def test_an_empty_folder_is_taken(files: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "solid").mkdir()
    assert run(files, tmp_path / "solid") == 0
    assert {path.name for path in (tmp_path / "solid").iterdir()} == FILES


@pytest.mark.parametrize("step", ["write_glb", "report_page", "write_checks"])
def test_failing_half_way_leaves_the_old_design(
    step: str, finished: Path, files: tuple[Path, Path], tmp_path: Path, monkeypatch
):
    out = tmp_path / "solid"
    shutil.copytree(finished, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(*args: object, **kwargs: object) -> None:
        raise InputError("disk full")

    monkeypatch.setattr(f"cranial_sparse.cli.solid.{step}", fail)
    assert run(files, out, "--overwrite") == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(files, tmp_path / "new") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["solid"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("fit.clearence_mm=1",), "fit.clearence_mm: unknown key; expected one of: clearance_mm"),
        (("fit.clearance_mm=-1",), "fit.clearance_mm: expected 0 or more, got -1"),
        (("fit.clearance_mm=50",), "fit.clearance_mm: expected a value from 0 to 10, got 50"),
        (("peek",), "'peek': expected key=value"),
        (
            ("fit.clearance_mm=10", "fit.minimum_edge_mm=30", COARSE),
            "fit.clearance_mm: nothing of the implant is left at 10 mm",
        ),
        (("refine.debris_ml=50",), "lower refine.debris_ml to keep it"),
        (("engraving.text=far too long for this", COARSE), "engraving.text: 'far too long for this' at "),
        (("fixation.kind=screws", "fixation.margin_mm=60", COARSE), "do not fit into the implant"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    options: tuple[str, ...], says: str, files: tuple[Path, Path], tmp_path: Path, capsys
):
    assert run(files, tmp_path / "solid", options=options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert says in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_do_not_fit_together_are_named(files: tuple[Path, Path], tmp_path: Path, holed: Case, capsys):
    implant, skull = files
    small = tmp_path / "in" / "small.nrrd"
    small.parent.mkdir()
    write_volume(small, Volume(holed[1].array[:60].view(np.uint8), holed[1].geometry.crop((0, 0, 0), (60, 102, 102))))
    empty = tmp_path / "in" / "empty.nrrd"
    write_volume(empty, Volume(np.zeros_like(holed[1].array, np.uint8), holed[1].geometry))
    for pair, says in (
        ((small, skull), rf"{small} with {skull}: implant and skull: expected one grid, got 60 × 102 × 102"),
        ((empty, skull), rf"{empty}.*empty"),
        ((tmp_path / "gone.nrrd", skull), r"gone\.nrrd: no such file"),
        ((implant, tmp_path / "gone.nrrd"), r"gone\.nrrd: no such file"),
    ):
        assert run(pair, tmp_path / "solid") == 1
        said = capsys.readouterr().err
        assert re.search(says, said)
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_overlap_and_truth_are_shown(files: tuple[Path, Path], tmp_path: Path, holed: Case, capsys):
    skull, missing = holed
    thick = ndimage.binary_dilation(missing.array) & (skull.array | missing.array)
    path = tmp_path / "thick.nrrd"
    write_volume(path, Volume(thick.view(np.uint8), missing.geometry))
    unsure = tmp_path / "unsure.nrrd"
    write_volume(unsure, Volume(missing.array * np.float32(0.7), missing.geometry))
    assert run((path, files[1]), tmp_path / "solid", "--truth", str(files[0]), "--uncertainty", str(unsure)) == 0
    assert re.search(r"note: The implant overlapped the skull by \d\.\d\d ml", capsys.readouterr().out)
    page = (tmp_path / "solid" / "report.html").read_text(encoding="utf-8")
    assert "Deviation from truth" in page
    assert "Uncertainty" in page
    assert "The implant overlapped the skull" in page


def test_weights_are_those_of_the_completion_beside_it(tmp_path: Path):
    implant, summary = tmp_path / "implant.nrrd", tmp_path / "summary.json"
    assert weights_beside(implant) == {}
    for text, expected in (
        ('{"weights": {"radial.safetensors": "ab"}}', {"radial.safetensors": "ab"}),
        ('{"weights": 3}', {}),
        ("[]", {}),
        ("{", {}),
    ):
        summary.write_text(text, encoding="utf-8")
        assert weights_beside(implant) == expected
        assert weights_beside(tmp_path / "another.nrrd") == {}


def test_spreads_are_those_of_the_nearest_voxel_that_has_one(files: tuple[Path, Path], tmp_path: Path, holed: Case):
    spread = np.zeros((4, 4, 4), np.float32)
    spread[1, 1, 1], spread[3, 1, 1] = 0.5, 1.5
    write_volume(tmp_path / "u.nrrd", Volume(spread, Geometry((4, 4, 4), (2.0,) * 3, (10.0, 0.0, 0.0))))
    spread_at = read_spread(tmp_path / "u.nrrd")
    np.testing.assert_allclose(spread_at(np.array([[12.1, 2, 2], [20.0, 2, 2], [8.0, 2, 2]])), [0.5, 1.5, 0.5])
    with pytest.raises(InputError, match=r"u.nrrd: lies 88 mm from the implant"):
        spread_at(np.array([[104.0, 2, 2], [104.0, 2, 2], [20.0, 2, 2]]))
    write_volume(tmp_path / "nothing.nrrd", Volume(spread * 0, holed[0].geometry.crop((0, 0, 0), (4, 4, 4))))
    with pytest.raises(InputError, match=r"--uncertainty .*nothing.nrrd: expected standard deviations above 0"):
        read_spread(tmp_path / "nothing.nrrd")


def test_a_config_file_is_named_where_it_is_wrong(files: tuple[Path, Path], tmp_path: Path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text("fit: {gap: 1}\n")
    assert run(files, tmp_path / "solid", "--config", str(file)) == 1
    assert f"fit.gap (in {file}): unknown key" in capsys.readouterr().err


def test_without_a_browser_no_pdf_is_promised(files: tuple[Path, Path], tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert run(files, tmp_path / "solid", "--pdf") == 1
    assert "--pdf: expected a browser that prints, one of chromium" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_fails_is_told(tmp_path: Path):
    (tmp_path / "page.html").write_text("<p>x")
    with pytest.raises(InputError, match="could not print the page"):
        print_page(tmp_path / "page.html", tmp_path / "page.pdf", shutil.which("false") or "/bin/false")


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no browser here to print with")
def test_the_page_prints(finished: Path, tmp_path: Path):
    try:
        print_page(finished / "report.html", tmp_path / "page.pdf", find_browser())
    except InputError as error:
        pytest.skip(f"the browser did not print: {error}")
    assert (tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.fixture
def complete(files: tuple[Path, Path], holed: Case, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """A function that completes the skull with what is missing, or with another implant."""
    from rich.console import Console

    def run_complete(implant: np.ndarray | None = None, **options) -> tuple[int, str]:
        def knowing(skull: Volume) -> Completion:
            return Completion(Volume(holed[1].array if implant is None else implant, skull.geometry))

        cases, problems = find_inputs([files[1]])
        with (tmp_path / "log").open("w") as log:
            console = Console(record=True, width=300, file=log)
            failed = complete_all(cases, tmp_path / "out", knowing, Options(**options), console, problems)
        return failed, console.export_text()

    return run_complete


def test_completing_with_a_material_adds_the_solid(complete: Callable[..., tuple[int, str]], tmp_path: Path):
    assert complete(material="titanium")[0] == 0
    folder = tmp_path / "out" / "skull"
    assert {path.name for path in (folder / "solid").iterdir()} == FILES - {"report.html"}
    assert (folder / "implant.stl").is_file()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["options"]["material"] == "titanium"
    assert "design" in summary["seconds"]
    checks = json.loads((folder / "solid" / "checks.json").read_text(encoding="utf-8"))
    assert checks["options"]["density"] == 4.43
    assert checks["options"]["fixation"]["kind"] == "tabs"
    assert 'id="map"' in (folder / "report.html").read_text(encoding="utf-8")
    assert "skipped, already finished" in complete(material="titanium")[1]
    assert "material titanium, not peek" in complete(material="peek")[1]
    assert "other options" in complete()[1]
    (folder / "solid" / "implant.glb").unlink()
    assert "skipped" not in complete(material="titanium")[1]
    assert (folder / "solid" / "implant.glb").is_file()


def test_a_case_that_lost_its_solid_is_done_again(complete: Callable[..., tuple[int, str]], tmp_path: Path):
    complete(material="peek")
    (solid,) = tmp_path.rglob("solid")
    shutil.rmtree(solid)
    assert "skipped" not in complete(material="peek")[1]
    assert (solid / "implant.3mf").is_file()
    assert "skipped" in complete(material="peek")[1]


def test_without_a_material_there_is_no_solid(complete: Callable[..., tuple[int, str]], tmp_path: Path):
    assert complete()[0] == 0
    assert not (tmp_path / "out" / "skull" / "solid").exists()
    summary = json.loads((tmp_path / "out" / "skull" / "summary.json").read_text(encoding="utf-8"))
    assert "material" not in summary["options"]


def test_a_solid_that_cannot_be_made_is_told_and_the_case_is_finished(
    complete: Callable[..., tuple[int, str]], holed: Case, tmp_path: Path
):
    small = ndimage.binary_erosion(holed[1].array, np.ones((3, 3, 3)))
    failed, text = complete(small, material="peek")
    assert failed == 0
    assert "No printable solid was made: implant:" in text
    assert not (tmp_path / "out" / "skull" / "solid").exists()
    assert "skipped, already finished" in complete(small, material="peek")[1]


def test_where_nothing_is_missing_no_solid_is_made(
    complete: Callable[..., tuple[int, str]], holed: Case, tmp_path: Path
):
    assert complete(np.zeros_like(holed[1].array), material="peek")[0] == 0
    assert not (tmp_path / "out" / "skull" / "solid").exists()

"""Options of an implant: defaults, presets, layers, and every kind of mistake in one line that names the key."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cranial_sparse.cli.design import MATERIALS
from cranial_sparse.errors import InputError
from cranial_sparse.implant.settings import PRESETS, ImplantConfig, PerforationConfig, check, load_implant_config
from cranial_sparse.schema import to_plain

FILE = Path(__file__).parents[2] / "configs" / "implant.yaml"


def test_the_file_lists_every_option_with_its_default():
    assert yaml.safe_load(FILE.read_text(encoding="utf-8")) == to_plain(ImplantConfig())
    assert load_implant_config("peek", FILE) == ImplantConfig()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_sense(preset: str):
    config = load_implant_config(preset)
    assert check(config) is config
    assert config.material == preset
    assert (config == ImplantConfig()) == (preset == "peek")


def test_the_command_line_offers_the_presets():
    assert tuple(PRESETS) == MATERIALS


def test_arguments_over_the_file_over_the_preset_over_the_defaults(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("fit: {clearance_mm: 0.7, minimum_wall_mm: 2.5}\n")
    config = load_implant_config("pmma", file, ["fit.clearance_mm=0.9", "fit.clearance_mm=1.1"])
    assert config.fit.clearance_mm == 1.1  # the last of two counts
    assert config.fit.minimum_wall_mm == 2.5
    assert config.fit.minimum_edge_mm == 1.5
    assert config.fit.inset_mm == 0
    assert config.perforation == replace(PerforationConfig(), pattern="hexagonal")


def test_places_are_points():
    config = load_implant_config("titanium", None, ["fixation.places=[[60,-20,35],[1.5,2,3]]"])
    assert config.fixation.places == ((60.0, -20.0, 35.0), (1.5, 2.0, 3.0))


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("fit.clearence_mm=1", ["fit.clearence_mm", "unknown key", "clearance_mm"]),
        ("thickness=3", ["thickness", "unknown key", "fit"]),
        ("fit.clearance_mm=wide", ["fit.clearance_mm", "expected float", "wide"]),
        ("fit.clearance_mm=-0.1", ["fit.clearance_mm", "0 or more", "got -0.1"]),
        ("fit.clearance_mm=nan", ["fit.clearance_mm", "0 or more", "nan"]),
        ("fit=3", ["fit", "3"]),
        ("fit.clearance_mm", ["fit.clearance_mm", "key=value"]),
        ("density=0", ["density", "more than 0", "got 0"]),
        ("insertion.split=perhaps", ["insertion.split", "bool", "perhaps"]),
        ("fit.thickness_mm=0.8", ["fit.thickness_mm", "fit.minimum_wall_mm, 1.5, or 0", "got 0.8"]),
        ("insertion.cone_deg=90", ["insertion.cone_deg", "0 to 85", "got 90"]),
        ("insertion.most_lost=2", ["insertion.most_lost", "0 to 1", "got 2"]),
        ("solid.voxel_mm=0.1", ["solid.voxel_mm", "0.15 to 1", "got 0.1"]),
        ("solid.tolerance_mm=0", ["solid.tolerance_mm", "more than 0"]),
        ("printing.chamber_mm=0", ["printing.chamber_mm", "more than 0"]),
        ("printing.most_overhang=50", ["printing.most_overhang", "0 to 1", "got 50"]),
        ("perforation.pattern=dots", ["perforation.pattern", "none, hexagonal, square", "got 'dots'"]),
        ("perforation.pitch_mm=2.5", ["perforation.pitch_mm", "more than the diameter, 2.5", "got 2.5"]),
        ("fixation.kind=glue", ["fixation.kind", "none, tabs, screws", "got 'glue'"]),
        ("fixation.count=-1", ["fixation.count", "0 or more", "got -1"]),
        ("fixation.count=1.5", ["fixation.count", "1.5"]),
        ("fixation.places=[[1,2]]", ["fixation.places", "three numbers"]),
        ("fixation.places=[a]", ["fixation.places"]),
        ("engraving.side=left", ["engraving.side", "inner, outer", "got 'left'"]),
        ("engraving.depth_mm=0", ["engraving.depth_mm", "more than 0", "got 0"]),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(argument: str, says: list[str]):
    with pytest.raises(InputError) as caught:
        load_implant_config("peek", None, [argument])
    for text in says:
        assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fit: {gap: 1}", ["fit.gap", "mine.yaml", "unknown key"]),
        ("fit: {clearance_mm: [}", ["mine.yaml", "YAML"]),
        ("- 1\n- 2\n", ["mine.yaml"]),
        ("just words", ["mine.yaml"]),
        ("fit: {clearance_mm: -1}", ["fit.clearance_mm", "got -1"]),
    ],
)
def test_a_wrong_file_is_named_in_one_line(text: str, says: list[str], tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_implant_config("peek", file)
    for part in says:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"gone\.yaml"):
        load_implant_config("peek", tmp_path / "gone.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path):
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\n")
    assert load_implant_config("peek", file) == ImplantConfig()


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="preset: expected one of peek, pmma, titanium, bioceramic, got 'steel'"):
        load_implant_config("steel")

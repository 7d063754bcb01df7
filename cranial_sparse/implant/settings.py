"""What decides the shape of an implant: one schema, all lengths in mm, and presets for the usual materials."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import OmegaConf

from cranial_sparse.errors import InputError
from cranial_sparse.io.payload import read_bytes
from cranial_sparse.schema import defaults, merge, settled, split_argument

PATTERNS = ("none", "hexagonal", "square")
FIXATIONS = ("none", "tabs", "screws")
SIDES = ("inner", "outer")


@dataclass(frozen=True)
class RefineConfig:
    """How the predicted bone becomes a smooth patch that runs into its neighbours without a step."""

    debris_ml: float = 0.5  # parts of the prediction smaller than this are left out
    closing_mm: float = 1.6  # cracks between bone and prediction up to twice this wide are closed
    fairing_mm: float = 8.0  # bumps much shorter than this go, shapes much longer stay; 0: the surface as predicted
    rim_mm: float = 5.0  # within this distance of the rim the bone decides where the surface is, not the prediction


@dataclass(frozen=True)
class FitConfig:
    """Gap, thickness and edge."""

    clearance_mm: float = 0.5  # gap between the solid and the bone all around
    temporal_mm: float = 0.0  # more gap at the caudal temporal edge, for the muscle; 3 is common
    thickness_mm: float = (
        0.0  # the same everywhere, from the outer surface, no less than the least wall; 0: as thick as the bone
    )
    minimum_wall_mm: float = 1.5  # where it would be thinner it grows inward
    minimum_edge_mm: float = 1.0  # feather edges thinner than this are cut off
    inset_mm: float = 0.0  # the inner surface lies this much further out than the inner table


@dataclass(frozen=True)
class InsertionConfig:
    """How the implant goes in."""

    cone_deg: float = 60.0  # directions this far from the mean normal of the outer surface are tried
    most_lost: float = 0.25  # share of the volume that may be lost to undercut before no direction is said to work
    split: bool = False  # make two solids where no direction works


@dataclass(frozen=True)
class PerforationConfig:
    """Holes for drainage and ingrowth, along the insertion direction."""

    pattern: str = "none"  # one of PATTERNS
    diameter_mm: float = 2.5
    pitch_mm: float = 12.0
    margin_mm: float = 6.0  # of solid between a hole and the rim


@dataclass(frozen=True)
class FixationConfig:
    """Tabs over the bone, or screw holes inside the rim."""

    kind: str = "none"  # one of FIXATIONS
    count: int = 4  # spread evenly along the rim
    places: tuple[tuple[float, ...], ...] = ()  # LPS mm, instead: each goes to the rim's point closest to it
    length_mm: float = 11.0  # how far a tab reaches over the bone
    width_mm: float = 6.0
    thickness_mm: float = 0.8
    hole_mm: float = 1.8  # diameter of the screw hole, in a tab or in the implant
    margin_mm: float = 4.0  # from a screw hole's middle to the rim


@dataclass(frozen=True)
class EngravingConfig:
    """An identifier cut into the solid where it is widest."""

    text: str = ""
    height_mm: float = 7.0  # of a capital letter
    depth_mm: float = 0.6
    side: str = "inner"  # one of SIDES


@dataclass(frozen=True)
class SolidConfig:
    """Resolution of the solid."""

    voxel_mm: float = 0.5  # of the lattice that the solid is made on
    tolerance_mm: float = 0.02  # how far the decimated surface may be from the full one


@dataclass(frozen=True)
class PrintingConfig:
    """What the printer takes; these change no shape."""

    chamber_mm: float = 250.0  # sides of the cube that a solid has to fit into
    most_overhang: float = 0.5  # share of the surface that may look down steeply, outer side up, and lie on supports


@dataclass(frozen=True)
class ImplantConfig:
    """Everything that decides an implant's shape and what it is checked against; ``density`` is in g/cm³."""

    material: str = "peek"
    density: float = 1.30
    refine: RefineConfig = field(default_factory=RefineConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    insertion: InsertionConfig = field(default_factory=InsertionConfig)
    perforation: PerforationConfig = field(default_factory=PerforationConfig)
    fixation: FixationConfig = field(default_factory=FixationConfig)
    engraving: EngravingConfig = field(default_factory=EngravingConfig)
    solid: SolidConfig = field(default_factory=SolidConfig)
    printing: PrintingConfig = field(default_factory=PrintingConfig)


# Only what differs from the defaults, which are those of PEEK. Densities are of the solid material: PEEK-OPTIMA 1.30, PMMA bone
# cement 1.18, Ti-6Al-4V 4.43 (ISO 5832-3), dense hydroxyapatite 3.1 g/cm³.
PRESETS: dict[str, dict] = {
    "peek": {"material": "peek"},
    "pmma": {
        "material": "pmma",
        "density": 1.18,
        "fit": {"clearance_mm": 0.8, "minimum_wall_mm": 3.0, "minimum_edge_mm": 1.5},
        "perforation": {"pattern": "hexagonal"},
    },
    "titanium": {
        "material": "titanium",
        "density": 4.43,
        "fit": {"thickness_mm": 1.5, "minimum_wall_mm": 0.8, "minimum_edge_mm": 0.8},
        "perforation": {"pattern": "hexagonal", "diameter_mm": 2.0, "pitch_mm": 5.0, "margin_mm": 3.0},
        "fixation": {"kind": "tabs"},
    },
    "bioceramic": {
        "material": "bioceramic",
        "density": 3.1,
        "fit": {"clearance_mm": 1.0, "minimum_wall_mm": 4.0, "minimum_edge_mm": 2.0},
        "perforation": {"pattern": "hexagonal", "diameter_mm": 2.0, "pitch_mm": 8.0},
    },
}


def load_implant_config(preset: str, file: Path | None = None, arguments: Sequence[str] = ()) -> ImplantConfig:
    """``key=value`` arguments over the YAML ``file`` over a preset over the defaults.

    Raises InputError, naming the key, for an unknown, ill-typed or impossible value, and where the file cannot be read.
    """
    if preset not in PRESETS:
        raise InputError(f"preset: expected one of {', '.join(PRESETS)}, got '{preset}'")
    config = merge(ImplantConfig, defaults(ImplantConfig), OmegaConf.to_yaml(PRESETS[preset]), preset)
    if file is not None:
        config = merge(ImplantConfig, config, read_bytes(file).decode("utf-8", "replace"), str(file))
    for key, value in map(split_argument, arguments):
        config = merge(ImplantConfig, config, [f"{key}={value}"], key)
    return check(settled(ImplantConfig, config))


def check(config: ImplantConfig) -> ImplantConfig:
    """``config`` itself; raises InputError naming the first key whose value makes no sense."""
    for key, least in (
        ("refine.debris_ml", 0.0),
        ("refine.closing_mm", 0.0),
        ("refine.fairing_mm", 0.0),
        ("refine.rim_mm", 0.0),
        ("fit.clearance_mm", 0.0),
        ("fit.temporal_mm", 0.0),
        ("fit.thickness_mm", 0.0),
        ("fit.minimum_wall_mm", 0.0),
        ("fit.minimum_edge_mm", 0.0),
        ("fit.inset_mm", 0.0),
        ("perforation.margin_mm", 0.0),
        ("fixation.count", 0),
    ):
        if not _value(config, key) >= least:
            raise InputError(f"{key}: expected {least:g} or more, got {_value(config, key)}")
    for key in (
        "density",
        "perforation.diameter_mm",
        "perforation.pitch_mm",
        "fixation.length_mm",
        "fixation.width_mm",
        "fixation.thickness_mm",
        "fixation.hole_mm",
        "engraving.height_mm",
        "engraving.depth_mm",
        "solid.tolerance_mm",
        "printing.chamber_mm",
    ):
        if not _value(config, key) > 0:
            raise InputError(f"{key}: expected more than 0, got {_value(config, key)}")
    for key, low, high in (
        ("fit.clearance_mm", 0.0, 10.0),
        ("fit.temporal_mm", 0.0, 20.0),
        ("insertion.cone_deg", 0.0, 85.0),
        ("insertion.most_lost", 0.0, 1.0),
        ("solid.voxel_mm", 0.15, 1.0),
        ("printing.most_overhang", 0.0, 1.0),
    ):
        if not low <= _value(config, key) <= high:
            raise InputError(f"{key}: expected a value from {low:g} to {high:g}, got {_value(config, key)}")
    for key, choices in (("perforation.pattern", PATTERNS), ("fixation.kind", FIXATIONS), ("engraving.side", SIDES)):
        if _value(config, key) not in choices:
            raise InputError(f"{key}: expected one of {', '.join(choices)}, got '{_value(config, key)}'")
    if config.perforation.pitch_mm <= config.perforation.diameter_mm:
        raise InputError(
            f"perforation.pitch_mm: expected more than the diameter, {config.perforation.diameter_mm:g},"
            f" got {config.perforation.pitch_mm:g}"
        )
    if 0 < config.fit.thickness_mm < config.fit.minimum_wall_mm:
        raise InputError(
            f"fit.thickness_mm: expected at least the least wall, fit.minimum_wall_mm, {config.fit.minimum_wall_mm:g}, or 0 for"
            f" as thick as the bone around, got {config.fit.thickness_mm:g}"
        )
    if any(len(place) != 3 for place in config.fixation.places):
        raise InputError("fixation.places: expected points of three numbers, LPS mm, such as [[60, -20, 35]]")
    return config


def _value(config: ImplantConfig, key: str):
    value: object = config
    for part in key.split("."):
        value = getattr(value, part)
    return value

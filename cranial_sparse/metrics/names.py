"""What the metrics are called where they are shown, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A field of Scores: its title, the ``unit`` behind it, the ``best`` value and how many ``digits`` are shown.

    Of several values, the worst is the one farthest from the best.
    """

    field: str
    title: str
    unit: str = ""
    best: float = 0.0
    digits: int = 3

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} {self.unit}".rstrip()

    def text(self, value: float) -> str:
        """The value as shown."""
        return f"{value:.{self.digits}f}"


MAIN = (  # what fits a terminal of 80 columns
    Metric("dsc", "DSC", best=1.0),
    Metric("bdsc_10mm", "bDSC", best=1.0),
    Metric("hd95", "HD95", "mm", digits=2),
    Metric("asd", "ASD", "mm", digits=2),
    Metric("nsd_1mm", "NSD", best=1.0),
)
METRICS = (
    *MAIN,
    Metric("hd", "HD", "mm", digits=2),
    Metric("sdh", "SdH", "mm", digits=2),
    Metric("sdi", "SDI", best=1.0),
    Metric("bdsc_10vox", "bDSC, 10 voxels", best=1.0),
    Metric("volumetric_error", "Volumetric error"),
    Metric("volume_ratio", "Volume ratio", best=1.0),
    Metric("coverage_2mm", "Coverage, 2 mm", best=1.0, digits=4),
    Metric("intrusion_2mm", "Intrusion, 2 mm", digits=4),
    Metric("border_curvature_error", "Border curvature error", "mm⁻²", digits=5),
    Metric("components", "Parts", best=1.0, digits=1),
)

"""Figures over a surface, one per vertex, packed for the page."""

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ColourMap:
    """``values`` [V] in ``unit`` shown from ``low`` to ``high``; what lies beyond takes the colour of the end."""

    name: str
    unit: str
    values: NDArray[np.floating]
    low: float
    high: float

    def packed(self) -> dict[str, str | float]:
        """For JavaScript: base64 of uint8 [V], 0 at ``low`` and 255 at ``high``."""
        share = (np.nan_to_num(self.values) - self.low) / max(self.high - self.low, 1e-9)
        steps = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
        text = base64.b64encode(steps.tobytes()).decode("ascii")
        return {"name": self.name, "unit": self.unit, "low": self.low, "high": self.high, "values": text}

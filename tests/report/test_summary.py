"""summary.json."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from cranial_sparse.geometry import Volume
from cranial_sparse.report.summary import SCHEMA, Summary, volume_ml


def test_json_holds_everything(shell: tuple[Volume, Volume], make_summary: Callable[..., Summary]):
    summary = make_summary(*shell, warnings=("größer als gedacht",))
    content = json.loads(summary.to_json())
    assert content["schema"] == SCHEMA
    assert content["warnings"] == ["größer als gedacht"]
    assert content["source"]["sha256"] == "0" * 64
    assert content["seconds"] == {"read": 0.5, "complete": 2.25}
    implant = content["implant"]
    assert implant["watertight"]
    assert not implant["empty"]
    assert implant["parts"] == 1
    assert implant["volume_ml"] == pytest.approx(shell[1].array.sum() * 27 / 1000)
    assert implant["mesh_volume_ml"] == pytest.approx(implant["volume_ml"], rel=0.05)
    assert implant["extent_mm"][2] == pytest.approx(25, abs=6)


def test_empty_implant(shell: tuple[Volume, Volume], make_summary: Callable[..., Summary]):
    skull, implant = shell
    empty = Volume(np.zeros_like(implant.array), implant.geometry)
    facts = make_summary(skull, empty).implant
    assert facts.empty
    assert facts.volume_ml == volume_ml(empty) == facts.triangles == 0

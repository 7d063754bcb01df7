"""Landmarks from and to 3D Slicer's files, ``.mrk.json`` and ``.fcsv``: names and points in LPS mm.

Both say whether they hold LPS or RAS; where one does not, it is refused, since a guess would put left for right.
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.errors import InputError
from cranial_sparse.io.files import write_whole
from cranial_sparse.io.payload import read_bytes

SYSTEMS = {"LPS": 1.0, "1": 1.0, "RAS": -1.0, "0": -1.0}  # the sign of x and y; Slicer 4.10 and older wrote numbers
COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
SUFFIXES = (".mrk.json", ".fcsv")


def read_landmarks(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Points [3] by name in LPS mm, as the file has them; in a ``.mrk.json`` only those whose position is defined.

    Raises InputError where the file is missing, damaged, empty, does not name its coordinate system or names two points
    alike.
    """
    path = Path(path)
    suffix = _suffix(path)
    text = read_bytes(path).decode("utf-8", errors="replace")
    try:
        system, rows = _from_json(text) if suffix == ".mrk.json" else _from_csv(text)
        labels = [label for label, _ in rows]
        points = np.array([place for _, place in rows], np.float64).reshape(-1, 3)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{path}: expected landmarks of 3D Slicer, but it is damaged ({error}); save it again"
        ) from error
    if system not in SYSTEMS:
        raise InputError(
            f"{path}: expected the coordinate system LPS or RAS, got '{system}'; save it again from 3D Slicer"
        )
    if not rows:
        raise InputError(f"{path}: expected landmarks, found none; place some and save it again")
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise InputError(f"{path}: expected every landmark once, got '{twice[0]}' {labels.count(twice[0])} times")
    if not np.isfinite(points).all():
        raise InputError(f"{path}: expected finite coordinates, got {points[~np.isfinite(points).all(1)][0].tolist()}")
    sign = SYSTEMS[system]
    return dict(zip(labels, points * [sign, sign, 1.0], strict=True))


def write_landmarks(path: str | Path, landmarks: dict[str, NDArray]) -> None:
    """Write points [3] by name (LPS mm) in the format that the suffix names: all of it or nothing.

    Raises InputError where the suffix is unknown or a name holds a comma, quote or line break; OSError where the folder
    cannot be written.
    """
    path = Path(path)
    suffix = _suffix(path)
    if bad := [name for name in landmarks if not name or re.search(r'[",\r\n]', name)]:
        raise InputError(f"{path}: expected names without commas, quotes and line breaks, got '{bad[0]}'; rename it")
    rows = [(name, [float(x) for x in point]) for name, point in landmarks.items()]
    write_whole(path, _as_json(rows) if suffix == ".mrk.json" else _as_csv(rows))


def _suffix(path: Path) -> str:
    suffix = next((known for known in SUFFIXES if path.name.lower().endswith(known)), None)
    if suffix is None:
        raise InputError(f"{path}: expected a file of landmarks, {' or '.join(SUFFIXES)}; save it so from 3D Slicer")
    return suffix


Rows = list[tuple[str, Any]]


def _from_json(text: str) -> tuple[str, Rows]:
    if not (markups := json.loads(text)["markups"]):
        return "LPS", []
    markup = markups[0]
    if (unit := markup.get("coordinateUnits", "mm")) != "mm":
        raise ValueError(f"its unit is {unit}, not mm")
    points = [p for p in markup["controlPoints"] if p.get("positionStatus", "defined") == "defined"]
    return str(markup.get("coordinateSystem", "")), [(str(p["label"]).strip(), p["position"]) for p in points]


def _from_csv(text: str) -> tuple[str, Rows]:
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# Markups fiducial file"):
        raise ValueError("its first line is not '# Markups fiducial file version = ...'")
    head = dict(part.partition("=")[::2] for part in (line[1:] for line in lines if line.startswith("#")))
    known = {name.strip(): value.strip() for name, value in head.items()}
    columns = known.get("columns", COLUMNS).split(",")
    rows = []
    for values in csv.reader(line for line in lines if line and not line.startswith("#")):
        row = dict(zip(columns, values, strict=False))
        rows.append((row["label"].strip(), [float(row[axis]) for axis in "xyz"]))
    return known.get("CoordinateSystem", ""), rows


def _as_json(rows: Rows) -> str:
    points = [
        {"id": str(n), "label": name, "position": place, "positionStatus": "defined"}
        for n, (name, place) in enumerate(rows, 1)
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
    schema = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    return json.dumps({"@schema": f"{schema}markups-schema-v1.0.3.json#", "markups": [markup]}, indent=1) + "\n"


def _as_csv(rows: Rows) -> str:
    out = io.StringIO()
    out.write(f"# Markups fiducial file version = 5.0\n# CoordinateSystem = LPS\n# columns = {COLUMNS}\n")
    for n, (name, place) in enumerate(rows, 1):
        out.write(f"{n},{','.join(map(repr, place))},0,0,0,1,1,1,0,{name},,\n")
    return out.getvalue()

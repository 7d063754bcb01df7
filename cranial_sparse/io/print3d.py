"""Solids for printers and viewers: 3MF with units and names, GLB for a browser or a headset."""

import json
import struct
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from cranial_sparse.io.files import write_whole

Solid = tuple[str, NDArray, NDArray]  # name, vertices [V, 3] LPS mm, triangles [T, 3]

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_MODEL = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Target="/3D/3dmodel.model" Id="rel0" Type="{_MODEL}"/></Relationships>'
)


def write_3mf(path: Path, solids: Sequence[Solid], title: str) -> None:
    """Every solid an object of its own, in millimetres, by name (3MF core specification 1.3). Raises OSError."""
    objects, items = [], []
    for number, (name, vertices, triangles) in enumerate(solids, 1):
        points = "".join(f'<vertex x="{x:.4f}" y="{y:.4f}" z="{z:.4f}"/>' for x, y, z in vertices)
        faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in triangles)
        objects.append(
            f'<object id="{number}" type="model" name={quoteattr(name)}><mesh><vertices>{points}</vertices>'
            f"<triangles>{faces}</triangles></mesh></object>"
        )
        items.append(f'<item objectid="{number}"/>')
    model = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<model unit="millimeter" xml:lang="en" xmlns="{_CORE}">'
        f'<metadata name="Title">{quoteattr(title)[1:-1]}</metadata><metadata name="Application">cranial-sparse</metadata>'
        f"<resources>{''.join(objects)}</resources><build>{''.join(items)}</build></model>"
    )
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELATIONS), ("3D/3dmodel.model", model)):
            package.writestr(
                zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED
            )  # the same bytes always
    write_whole(path, buffer.getvalue())


def write_glb(path: Path, solids: Sequence[Solid], colour: tuple[float, float, float] = (0.87, 0.44, 0.15)) -> None:
    """Binary glTF 2.0 in its own metres with y up: LPS (x, y, z) mm becomes (x, z, -y) / 1000. Raises OSError."""
    binary, views, accessors, meshes, nodes = b"", [], [], [], []
    for name, vertices, triangles in solids:
        x, y, z = np.asarray(vertices, np.float64).T / 1000
        points = np.column_stack([x, z, -y]).astype("<f4")
        faces = np.asarray(triangles, "<u4")
        for target, array in ((34962, points), (34963, faces)):
            views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes, "target": target})
            binary += array.tobytes()
        accessors += [
            {
                "bufferView": len(views) - 2,
                "componentType": 5126,
                "count": len(points),
                "type": "VEC3",
                "min": points.min(axis=0).tolist(),
                "max": points.max(axis=0).tolist(),
            },
            {"bufferView": len(views) - 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
        ]
        part = {"attributes": {"POSITION": len(accessors) - 2}, "indices": len(accessors) - 1, "material": 0}
        meshes.append({"name": name, "primitives": [part]})
        nodes.append({"name": name, "mesh": len(meshes) - 1})
    look = {"baseColorFactor": [*colour, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7}
    scene = {
        "asset": {"version": "2.0", "generator": "cranial-sparse"},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": [{"pbrMetallicRoughness": look}],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(scene, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    whole = 12 + 8 + len(text) + 8 + len(binary)
    header = struct.pack("<4sII", b"glTF", 2, whole)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    write_whole(path, header + chunks)

"""3MF and GLB read back with nothing but the standard library."""

import json
import struct
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from cranial_sparse.io.print3d import write_3mf, write_glb

# The corner tetrahedron of a 30 × 20 × 10 mm box, turned outward.
POINTS = np.array([[0, 0, 0], [30, 0, 0], [0, 20, 0], [0, 0, 10]], np.float32) + np.float32([5, -7, 100.125])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
SOLIDS = [("implant_1", POINTS, FACES), ('a "<b>" & c', POINTS + np.float32(50), FACES)]
CORE = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"


def corners(model: ElementTree.Element) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for mesh in model.iter(f"{CORE}mesh"):
        points = [[float(v.get(k)) for k in "xyz"] for v in mesh.iter(f"{CORE}vertex")]
        faces = [[int(t.get(k)) for k in ("v1", "v2", "v3")] for t in mesh.iter(f"{CORE}triangle")]
        found.append((np.array(points), np.array(faces)))
    return found


def test_3mf_holds_millimetres_names_and_every_triangle(tmp_path: Path):
    write_3mf(tmp_path / "s.3mf", SOLIDS, 'case <1> & "A17"')
    with zipfile.ZipFile(tmp_path / "s.3mf") as package:
        assert package.testzip() is None
        assert package.namelist()[0] == "[Content_Types].xml"
        types, relations, model = (
            ElementTree.fromstring(package.read(name))
            for name in ("[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model")
        )
    assert model.tag == f"{CORE}model"
    assert model.get("unit") == "millimeter"
    assert [one.get("name") for one in model.iter(f"{CORE}object")] == [name for name, *_ in SOLIDS]
    ids = [one.get("id") for one in model.iter(f"{CORE}object")]
    assert [one.get("objectid") for one in model.find(f"{CORE}build")] == ids
    assert len(set(ids)) == 2
    assert {one.get("name"): one.text for one in model.iter(f"{CORE}metadata")} == {
        "Title": 'case <1> & "A17"',
        "Application": "cranial-sparse",
    }
    for (points, faces), (_, vertices, triangles) in zip(corners(model), SOLIDS, strict=True):
        np.testing.assert_allclose(points, vertices, atol=1e-4)
        np.testing.assert_array_equal(faces, triangles)
    assert [one.get("Target") for one in relations] == ["/3D/3dmodel.model"]
    assert {one.get("Extension") for one in types} == {"rels", "model"}


def test_3mf_is_the_same_every_time(tmp_path: Path):
    for name in ("a.3mf", "b.3mf"):
        write_3mf(tmp_path / name, SOLIDS, "case")
    assert (tmp_path / "a.3mf").read_bytes() == (tmp_path / "b.3mf").read_bytes()


def glb(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    assert struct.unpack("<4sII", data[:12]) == (b"glTF", 2, len(data))
    chunks, at = [], 12
    while at < len(data):
        length, kind = struct.unpack("<I4s", data[at : at + 8])
        assert length % 4 == 0
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 8 + length
    assert [kind for kind, _ in chunks] == [b"JSON", b"BIN\0"]
    return json.loads(chunks[0][1]), chunks[1][1]


def test_glb_holds_metres_with_y_up(tmp_path: Path):
    write_glb(tmp_path / "s.glb", SOLIDS)
    scene, binary = glb(tmp_path / "s.glb")
    assert scene["buffers"] == [{"byteLength": len(binary)}]
    assert [node["name"] for node in scene["nodes"]] == [name for name, *_ in SOLIDS]
    for node, (_, vertices, triangles) in zip(scene["nodes"], SOLIDS, strict=True):
        (part,) = scene["meshes"][node["mesh"]]["primitives"]
        place, index = scene["accessors"][part["attributes"]["POSITION"]], scene["accessors"][part["indices"]]
        arrays = []
        for accessor, kind in ((place, "<f4"), (index, "<u4")):
            view = scene["bufferViews"][accessor["bufferView"]]
            assert view["byteOffset"] % 4 == 0
            arrays.append(np.frombuffer(binary[view["byteOffset"] :][: view["byteLength"]], kind))
        points, faces = arrays[0].reshape(-1, 3), arrays[1].reshape(-1, 3)
        assert (place["count"], index["count"]) == (len(points), faces.size)
        np.testing.assert_array_equal(faces, triangles)
        left, up, front = points.T * 1000
        np.testing.assert_allclose(np.column_stack([left, -front, up]), vertices, atol=1e-3)
        np.testing.assert_allclose(place["min"], points.min(axis=0), rtol=1e-6)
        np.testing.assert_allclose(place["max"], points.max(axis=0), rtol=1e-6)
        a, b, c = (points[faces[:, k]].astype(float) - points.mean(axis=0) for k in range(3))
        assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(
            1e-6
        )  # 1000 mm³ in m³, still turned outward


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("precious")
    for write, name in ((write_3mf, "s.3mf"), (write_glb, "s.glb")):
        with pytest.raises(OSError, match=r".*"):
            write(tmp_path / "file" / name, SOLIDS, *(["case"] if write is write_3mf else []))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "precious"

"""The report page: self-contained, safe, small, and alive in a browser where there is one."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.geometry import Volume
from cranial_sparse.report.html import report_page
from cranial_sparse.report.summary import Summary

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page(shell: tuple[Volume, Volume], make_summary: Callable[..., Summary]) -> str:
    return report_page(make_summary(*shell, warnings=("Cut off below the orbits.",)), *shell)


def test_asks_for_nothing_outside_itself(page: str):
    assert not re.search(r"https?://|//cdn|@import|url\(", page)
    for reference in re.findall(r"""(?:src|href)=["']?([^"'\s>]+)""", page):
        assert reference.startswith("data:")
    assert "default-src 'none'" in page
    assert len(page) < 10_000_000


def test_says_what_there_is_to_say(page: str):
    for text in ("Research use only", "phantom", "Cut off below the orbits.", "watertight", "2.0 <small>GB", "2.25 s"):
        assert text in page
    assert "$" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)  # every placeholder is filled


def test_scene_and_slices_are_there(page: str):
    scene, slices = (
        json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.DOTALL)[1])
        for name in ("scene-data", "slice-data")
    )
    assert [layer["name"] for layer in scene] == ["skull", "implant"]
    assert all(layer["triangles"] for layer in scene)
    assert [view["name"] for view in slices] == ["Axial", "Coronal", "Sagittal"]
    assert all(len(view["pictures"]) == len(view["positions"]) for view in slices)


def test_names_cannot_break_out(shell: tuple[Volume, Volume], make_summary: Callable[..., Summary]):
    nasty = "</title></script><script>alert(1)</script>"
    page = report_page(make_summary(*shell, case=nasty, warnings=(nasty,)), *shell)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_empty_implant_says_so(shell: tuple[Volume, Volume], make_summary: Callable[..., Summary]):
    skull, implant = shell
    empty = Volume(np.zeros_like(implant.array), implant.geometry)
    page = report_page(make_summary(skull, empty), skull, empty)
    assert "no defect found" in page


@pytest.mark.skipif(BROWSER is None, reason="no chromium here to open the page in")
@pytest.mark.parametrize(
    ("renderer", "flags"),
    [("webgl", ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]), ("software", ["--disable-3d-apis"])],
)
def test_opens_in_a_browser(page: str, tmp_path: Path, renderer: str, flags: list[str]):
    """Both renderers start, sliders and keys work, and the console stays silent."""
    probe = """<script>addEventListener("load", () => {
      document.querySelector("[data-from=left]").click();
      for (const input of document.querySelectorAll("input[type=range]")) {
        input.value = input.min; input.dispatchEvent(new Event("input"));
      }
      document.querySelector("canvas").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp" }));
      const { scrollWidth, clientWidth } = document.documentElement;
      document.body.dataset.probe = scrollWidth - clientWidth;
    });</script></body>"""
    (tmp_path / "page.html").write_text(page.replace("</body>", probe), encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-background-networking", "--enable-logging=stderr"]
    command += [
        "--window-size=500,900",
        "--virtual-time-budget=3000",
        f"--user-data-dir={tmp_path / 'profile'}",
        *flags,
    ]
    command += ["--dump-dom", f"file://{tmp_path / 'page.html'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if 'data-probe="' not in done.stdout:
        pytest.skip(f"the browser did not run the page (exit status {done.returncode})")
    assert f'data-renderer="{renderer}"' in done.stdout
    assert ":CONSOLE" not in done.stderr
    assert 'data-probe="0"' in done.stdout  # nothing sticks out to the side
    assert re.search(r"<output>S −?\d+\.\d mm</output>", done.stdout)

"""The page of an evaluation: self-contained, says everything, fits a phone."""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cranial_sparse.geometry import Geometry, Volume
from cranial_sparse.metrics import ScoreTable, failed_case
from cranial_sparse.metrics.names import METRICS
from cranial_sparse.report.comparison import compare
from cranial_sparse.report.scores import scores_html

LOST = failed_case(Volume(np.ones((4, 4, 4), bool), Geometry((4, 4, 4), (10.0, 10.0, 10.0))))
GOOD = dataclasses.replace(LOST, dsc=0.912, hd95=1.0, true_ml=40.0)
TABLE = ScoreTable(
    {"parietotemporal/1": GOOD, "frontoorbital/<2>": LOST}, {"frontoorbital/<2>": "no <file> " + "x" * 90}
)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page(shell: tuple[Volume, Volume]) -> str:
    skull, lid = shell
    return scores_html(TABLE, {name: compare(skull, lid, lid) for name in TABLE.worst(5)})


def test_asks_for_nothing_outside_itself(page: str):
    assert not re.search(r"https?://|//cdn|@import|url\(|<script", page)
    for reference in re.findall(r"""(?:src|href)=["']?([^"'\s>]+)""", page):
        assert reference.startswith("data:")
    assert "default-src 'none'" in page


def test_says_what_there_is_to_say(page: str):
    for text in ("2 cases of 2 skulls", "parietotemporal/1", "frontoorbital/&lt;2&gt;", "no &lt;file&gt;", "DSC 0.912"):
        assert text in page
    for metric in METRICS:
        assert page.count(f"<th scope=row>{metric.heading}</th>") == 3  # all and two kinds
        assert f"<h3>{metric.heading}</h3>" in page
    assert page.count("<svg") == len(METRICS) + 3
    assert page.count("<img") == 8
    assert "$" not in page


def test_one_case_has_no_kinds_and_no_interval():
    page = scores_html(ScoreTable({"000": GOOD}), {})
    assert "1 cases of 1 skulls" not in page
    assert "1 case of 1 skull" in page
    assert page.count("<details") == 1
    assert "–" in page


@pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium to look at the page")
def test_a_phone_need_not_scroll_sideways(page: str, tmp_path: Path):
    """A script that writes the width of the content into the title of a copy."""
    policy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    frame = tmp_path / "scores.html"
    probe = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script></body>"
    frame.write_text(policy.replace("</body>", probe), encoding="utf-8")
    phone = tmp_path / "phone.html"  # headless windows are at least 500 pixels wide, frames are not
    phone.write_text(
        f'<iframe id=f width=390 height=800 style="border:0" src="{frame.as_uri()}"></iframe>'
        "<script>f.onload = () => { document.title = f.contentDocument.title }</script>",
        encoding="utf-8",
    )
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=5000", f"--user-data-dir={tmp_path}/profile"]
    done = subprocess.run([*command, "--dump-dom", phone.as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search(r"<title>(\d+) of (\d+)</title>", done.stdout)
    assert found is not None, done.stdout[-500:]
    assert int(found[1]) <= int(found[2]) == 390  # a scrollbar may take some of it

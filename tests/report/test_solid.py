"""The page of a finished solid: maps, legend, checks in words, slices that move each other."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest

from cranial_sparse.geometry import Volume
from cranial_sparse.implant import implant_mesh
from cranial_sparse.implant.checks import Check
from cranial_sparse.implant.mesh import Mesh
from cranial_sparse.report.html import report_page
from cranial_sparse.report.maps import ColourMap
from cranial_sparse.report.solid import SolidView, checks_section, figure, joined, part_names, solid_view
from cranial_sparse.report.summary import Summary
from cranial_sparse.report.surfaces import pack

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ITEMS = (
    Check("watertight", 1.0, "", "1: every edge joins two faces", True),
    Check("wall, least", 1.234, "mm", "at least 1.5", False),
    Check("volume", 23.456, "ml"),
    Check('a <b> & "c"', 0.0, "", "at most 0", False),
)
TRIANGLE = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))


def view_of(shell: tuple[Volume, Volume], items: tuple[Check, ...] = ITEMS) -> SolidView:
    """The lid with maps that run from left to right and from bottom to top."""
    mesh = implant_mesh(shell[1])
    x, _, z = (mesh.vertices - mesh.vertices.min(axis=0)).T
    maps = (ColourMap("Thickness", "mm", x, 0.0, float(x.max())), ColourMap("Clearance", "mm", z, -2.0, float(z.max())))
    return SolidView(mesh, (0.6, 0.0, 0.8), maps, (("implant", items),))


def test_figures_have_as_many_digits_as_mean_something():
    assert [figure(item) for item in ITEMS] == ["1", "1.23 mm", "23.5 ml", "0"]
    assert figure(Check("triangles", 12345)) == "12,345"
    assert figure(Check("step", -0.256, "mm")) == "-0.26 mm"


def test_failed_checks_come_first_in_words():
    section = checks_section(SolidView(TRIANGLE, None, (), (("implant", ITEMS),)))
    verdict = re.search(r'<p class="verdict bad" role="alert">(.*?)</p>', section)[1]
    assert verdict == "<strong>2 failed:</strong> wall, least; a &lt;b&gt; &amp; &quot;c&quot;."
    assert section.index("2 failed") < section.index("<table")
    rows = re.findall(r"<tr><td class=(\w+)>(.*?)</td><th scope=row>(.*?)</th><td>(.*?)</td>", section)
    assert [row[0] for row in rows] == ["pass", "fail", "none", "fail"]
    assert 'aria-label="failed"' in rows[1][1]
    assert rows[1][2:] == ("wall, least", "1.23 mm")
    assert "<b>" not in section


def test_passed_checks_are_counted_without_plain_figures():
    section = checks_section(SolidView(TRIANGLE, None, (), (("implant", (ITEMS[0], ITEMS[2])),)))
    assert "All 1 checks passed" in section
    assert "failed" not in section


def test_of_several_solids_each_is_named():
    section = checks_section(SolidView(TRIANGLE, None, (), (("implant_1", ITEMS[:1]), ("implant_2", ITEMS[1:2]))))
    assert "wall, least (implant_2)" in section
    assert re.findall("<caption>(.*?)</caption>", section) == ["implant_1", "implant_2"]


def test_names_of_files():
    assert part_names(1) == ["implant"]
    assert part_names(3) == ["implant_1", "implant_2", "implant_3"]


def test_joined_solids_keep_their_triangles():
    whole = joined([TRIANGLE, TRIANGLE, TRIANGLE])
    assert whole.triangles.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert whole.vertices.shape == (9, 3)
    assert joined([TRIANGLE]).triangles.tolist() == [[0, 1, 2]]


def test_the_page_knows_the_way_out():
    """Regression: the direction was left out, and the page lifted the solid away from the middle of the head."""
    layer = pack("implant", TRIANGLE, [ColourMap("x", "mm", np.zeros(3), 0.0, 1.0)], (0.6, 0.0, 0.8))
    assert layer.outward == (0.6, 0.0, 0.8)
    assert [one["name"] for one in layer.maps] == ["x"]


def test_a_finished_design_is_seen_with_the_truth(designed, holed: tuple[Volume, Volume]):
    truth = implant_mesh(holed[1])
    view = solid_view(designed, truth)
    assert [one.name for one in view.maps] == ["Thickness", "Clearance", "Deviation from truth"]
    assert all(len(one.values) == len(view.mesh.vertices) for one in view.maps)
    assert view.outward == designed.parts[0].checks.outward
    away = view.maps[2].values
    assert abs(float(np.median(away))) < 0.4  # it is that bone, less the gap
    assert [one.name for one in solid_view(designed).maps] == ["Thickness", "Clearance"]
    two = replace(designed, parts=designed.parts * 2)
    assert solid_view(two).outward is None
    assert [name for name, _ in solid_view(two).checks] == ["implant_1", "implant_2"]


@pytest.fixture(scope="module")
def page(shell: tuple[Volume, Volume], make_summary: Callable[..., Summary]) -> str:
    return report_page(make_summary(*shell), *shell, solid=view_of(shell))


def test_asks_for_nothing_outside_itself(page: str):
    assert not re.search(r"https?://|//cdn|@import|url\(", page)
    assert all(each.startswith("data:") for each in re.findall(r"""(?:src|href)=["']?([^"'\s>]+)""", page))
    assert re.findall(r"<option.*?>(.*?)</option>", page) == ["plain", "Thickness", "Clearance"]
    scene = json.loads(re.search(r'id="scene-data">(.*?)</script>', page, re.DOTALL)[1])
    assert [layer["outward"] for layer in scene] == [None, [0.6, 0.0, 0.8]]
    assert "$" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_slices_know_where_they_are(page: str):
    slices = json.loads(re.search(r'id="slice-data">(.*?)</script>', page, re.DOTALL)[1])
    assert [view["axes"] for view in slices] == [[2, 0, 1], [1, 0, 2], [0, 1, 2]]
    for view in slices:
        assert len(view["shares"]) == len(view["pictures"])
        assert view["shares"] == sorted(view["shares"])
        assert 0 < view["shares"][0] < view["shares"][-1] < 1


def test_without_a_solid_there_is_no_map_and_no_check(shell: tuple[Volume, Volume], make_summary):
    page = report_page(make_summary(*shell), *shell)
    assert 'id="map"' not in page
    assert "class=checks" not in page


PROBE = """<script>addEventListener("load", async () => {
  const found = {}, next = () => new Promise((done) => setTimeout(done, 60)), get = (id) => document.getElementById(id);
  const requests = () => performance.getEntriesByType("resource").filter((r) => !r.name.startsWith("data:")).length;
  const picture = async (change) => {
    change(); await next();
    const canvas = document.querySelector("#stage canvas"), copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    dispatchEvent(new Event("beforeprint"));  // draws at once: pixels of a WebGL canvas live until the frame ends
    copy.getContext("2d").drawImage(canvas, 0, 0);
    return copy.getContext("2d").getImageData(0, 0, copy.width, copy.height).data;
  };
  const off = (a, b, i) => Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]);
  const differ = (a, b) => { let n = 0; for (let i = 0; i < a.length; i += 4) if (off(a, b, i) > 30) n++; return n; };
  const set = (id, value, event) => { get(id).value = value; get(id).dispatchEvent(new Event(event)); };
  const tick = (id, on) => { get(id).checked = on; get(id).dispatchEvent(new Event("change")); };
  const plain = await picture(() => {}), again = await picture(() => {});
  found.still = differ(plain, again);
  found.hidden = get("legend").hidden;
  const thick = await picture(() => set("map", "Thickness", "change"));
  found.map = differ(plain, thick);
  found.shown = !get("legend").hidden;
  const clear = await picture(() => set("map", "Clearance", "change"));
  found.other = differ(thick, clear);
  found.legend = [...get("legend").querySelectorAll("output")].map((o) => o.textContent);
  found.bar = get("legend").querySelector("i").style.background.includes("linear-gradient");
  found.back = differ(plain, await picture(() => set("map", "", "change")));
  found.gone = get("legend").hidden;
  found.implant = differ(plain, await picture(() => tick("show-implant", false)));
  found.skull = differ(plain, await picture(() => { tick("show-implant", true); tick("show-skull", false); }));
  found.whole = differ(plain, await picture(() => tick("show-skull", true)));
  found.lift = differ(plain, await picture(() => set("lift", 40, "input")));
  const figures = [...document.querySelectorAll("[data-view]")], value = (f) => Number(f.querySelector("input").value);
  const sliders = () => Object.fromEntries(figures.map((f) => [f.dataset.view, value(f)]));
  const image = document.querySelector('[data-view="Axial"] img'), box = image.getBoundingClientRect();
  const click = (x, y) => image.dispatchEvent(
    new MouseEvent("click", { clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true }));
  found.before = sliders();
  click(0.01, 0.01); found.corner = sliders();
  click(0.99, 0.99); found.opposite = sliders();
  const line = (name) => document.querySelector('[data-view="Axial"] .cross.' + name).style;
  found.cross = [parseFloat(line("down").left), parseFloat(line("across").top)];
  found.requests = requests();
  document.body.dataset.probe = encodeURIComponent(JSON.stringify(found));
});</script></body>"""


@pytest.fixture(scope="module", params=["webgl", "software"])
def seen(request: pytest.FixtureRequest, page: str, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a browser saw of the page, by renderer."""
    if BROWSER is None:
        pytest.skip("no chromium here to open the page in")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "page.html").write_text(page.replace("</body>", PROBE), encoding="utf-8")
    flags = {
        "webgl": ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        "software": ["--disable-3d-apis"],
    }[request.param]
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-background-networking", "--enable-logging=stderr"]
    command += ["--window-size=900,900", "--virtual-time-budget=20000", f"--user-data-dir={folder / 'profile'}", *flags]
    done = subprocess.run(
        [*command, "--dump-dom", f"file://{folder / 'page.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    probe = re.search(r'data-probe="(.*?)"', done.stdout)
    if probe is None and ":CONSOLE" not in done.stderr:
        pytest.skip(f"the browser did not run the page (exit status {done.returncode})")
    assert f'data-renderer="{request.param}"' in done.stdout
    assert ":CONSOLE" not in done.stderr
    return json.loads(unquote(probe[1]))


def test_a_colour_map_recolours_the_solid_and_shows_its_legend(seen: dict):
    assert seen["still"] == 0
    assert seen["map"] > 300
    assert seen["other"] > 300
    assert seen["back"] == 0
    assert (seen["hidden"], seen["shown"], seen["gone"]) == (True, True, True)
    low, high = seen["legend"]
    assert low == "−2"
    assert high.endswith(" mm")
    assert seen["bar"]


def test_layers_come_and_go_and_the_solid_lifts(seen: dict):
    assert seen["implant"] > 300
    assert seen["skull"] > 300
    assert seen["whole"] == 0
    assert seen["lift"] > 300


def test_a_click_into_a_slice_moves_the_other_two(seen: dict):
    """The corner right and front, then the one left and back: columns run to the left, rows to the back."""
    last = {name: value for name, value in seen["opposite"].items() if name != "Axial"}
    assert seen["corner"] == {"Axial": seen["before"]["Axial"], "Coronal": 0, "Sagittal": 0}
    assert seen["opposite"]["Axial"] == seen["before"]["Axial"]
    assert all(value == 14 for value in last.values())
    assert all(50 < share < 100 for share in seen["cross"])


def test_no_request_leaves_the_page(seen: dict):
    assert seen["requests"] == 0

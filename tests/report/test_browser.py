"""The page in a real browser: from disk and a server, bright and dark, small, printed, attacked.

Chromium is driven by playwright; without one of Debian's or Google's the tests are skipped.
"""

from __future__ import annotations

import functools
import http.server
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_results import hostile
from playwright.sync_api import Browser, Page, sync_playwright
from synthetic_results import (
    SEED_SIZE,
    SPEED,
    contender,
    machine,
    missing,
    result,
    series,
    written,
)

from ort_deepdream.measure.result import Kind, Result, read_result
from ort_deepdream.report.charts.asv import Value
from ort_deepdream.report.page.page import page as make_page
from ort_deepdream.report.runs import read_runs
from scripts.screenshot_report import find_chromium, sandbox_options

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]

CHARTS = ("speedup", "time", "parts", "operators", "memory", "limit", "order")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}

GPU_TITLE = "How much faster is a GPU for DeepDream?"

# What is drawn of the view that is shown: each scale's labels, each line's points and whiskers.
DRAWN = """figure => {
  const chart = Chart.getChart(figure.querySelector(".canvas canvas"));
  const labels = (scale) => scale.ticks.map((tick) => [].concat(tick.label ?? "").join(" "));
  const area = chart.chartArea;
  const lines = chart.data.datasets.map((dataset, number) => ({ dataset, number }))
    .filter(({ dataset }) => dataset.whiskers);
  return {
    scales: Object.values(chart.scales).map((scale) => (
      { type: scale.type, labels: labels(scale).filter(Boolean) })),
    area: [area.left, area.top, area.right, area.bottom],
    lines: lines.map(({ number }) => (
      chart.getDatasetMeta(number).data.map(({ x, y }) => [x, y]))),
    ends: lines.flatMap(({ dataset }) => dataset.data.flatMap(({ low, high }) => (
      [chart.scales.y.getPixelForValue(low), chart.scales.y.getPixelForValue(high)]))),
    bars: chart.getDatasetMeta(0).data.map((bar) => bar.width ?? 0),
  };
}"""

# How many pixels of a canvas have a colour of their own, neither the paper's nor a shade of grey.
COLOURED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue, alpha] = [data[i], data[i + 1], data[i + 2], data[i + 3]];
    const range = Math.max(red, green, blue) - Math.min(red, green, blue);
    if (alpha > 200 && range > 60) count += 1;
  }
  return count;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox_options())
        yield started
        started.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of several kinds of result."""
    path = tmp_path_factory.mktemp("pages")
    alone = (contender("cpu"), missing("cuda", "no NVIDIA driver was found"))
    made = {
        "gpu": [result()],
        "cpu": [result(("cpu",), contenders=alone, machine=machine(gpu=None))],
        "two": [result(), result(("cpu",))],
        "noisy": [noisy()],
        "hostile": [hostile()],
    }
    for name, results in made.items():
        files = [written(path, one, f"{name}{number}.json") for number, one in enumerate(results)]
        (path / f"{name}.html").write_text(make_page(read_runs(files), HISTORY), "utf-8")
    return path


# One commit on two machines, with an interval that is far from the value.
HISTORY = [
    Value("steps.time", "seconds", name, "", "", "abcdef12", 1, value, 0.5 * value, 2 * value)
    for name, value in (("epyc", 0.03), ("xeon", 0.05))
]


def noisy() -> Result:
    """Two contenders that take the same at one size alone, and samples that lie far apart."""
    noise = (0.7, 1.0, 1.0, 1.8)
    kinds: tuple[Kind, ...] = ("cold", "warm", "step")
    times = [
        series(name, SEED_SIZE, kind, noise=noise, speed=SPEED["cpu"])
        for name in ("cpu", "cuda")
        for kind in kinds
    ]
    return result(("cpu", "cuda"), sizes=(SEED_SIZE,), series=tuple(times))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{started.server_port}"
        started.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


class Visit:
    """A page that is open, and what it complained about and asked for."""

    def __init__(self, browser: Browser, address: str, **options: object) -> None:
        self.context = browser.new_context(**options)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.emulate_media(reduced_motion="reduce")
        self.page.goto(address)

    def assert_quiet(self, address: str) -> None:
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith("data:")] == [address]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    opened: list[Visit] = []

    def open_page(address: str, **options: object) -> Visit:
        opened.append(Visit(browser, address, **options))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()


def local(folder: Path, name: str) -> str:
    return (folder / f"{name}.html").as_uri()


@pytest.mark.parametrize("name", ["gpu", "cpu", "two"])
@pytest.mark.parametrize("place", ["disk", "server"])
def test_it_opens_without_a_complaint_or_a_request(visit, folder, server, name, place):
    address = local(folder, name) if place == "disk" else f"{server}/{name}.html"
    seen = visit(address)
    asked = "How fast is DeepDream on this machine?" if name == "cpu" else GPU_TITLE
    assert seen.page.title() == seen.page.locator("h1").inner_text() == asked
    seen.assert_quiet(address)


def shown_views(page: Page) -> Iterator[tuple[str, dict[str, Any]]]:
    """Show every view of every chart, and yield its name and what is drawn."""
    for figure in page.locator("figure.chart").all():
        name = figure.get_attribute("id")
        views = figure.locator(".views button").all()
        for number, button in enumerate(views or [None]):
            if button is not None:
                button.click()
            yield f"{name} {number}", figure.evaluate(DRAWN)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["gpu", "noisy"])
def test_axes_have_labels_whiskers_stay_inside_and_points_side_by_side(
    visit, folder, name, viewport
):
    page = visit(local(folder, name), viewport=viewport).page
    logarithmic = 0
    for view, drawn in shown_views(page):
        for scale in drawn["scales"]:
            if scale["type"] == "logarithmic":
                logarithmic += 1
                assert len(scale["labels"]) >= 3, (view, scale)
        left, top, right, bottom = drawn["area"]
        points = list(itertools.chain(*drawn["lines"]))
        assert all(left < x < right and top < y < bottom for x, y in points), view
        assert all(top <= end <= bottom for end in drawn["ends"]), view
        apart = [
            max(abs(x - a), abs(y - b))
            for one, other in itertools.combinations(drawn["lines"], 2)
            for (x, y), (a, b) in itertools.product(one, other)
        ]
        assert min(apart, default=9) > 5, view
    assert logarithmic >= 8


def test_a_history_of_one_commit_fills_its_width(visit, folder):
    page = visit(local(folder, "cpu"), viewport=DESKTOP).page
    drawn = page.locator("#history").evaluate(DRAWN)
    left, _, right, _ = drawn["area"]
    assert max(drawn["bars"]) > 0.8 * (right - left)
    assert len(drawn["bars"]) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_of_every_chart_is_drawn(visit, folder, scheme):
    page = visit(local(folder, "gpu"), color_scheme=scheme).page
    for name in CHARTS:
        figure = page.locator(f"#{name}")
        buttons = figure.locator(".views button").all()
        for button in buttons or [None]:
            if button is not None:
                button.click()
            assert figure.locator(".canvas canvas").evaluate(COLOURED) > 100, name


def test_dark_mode_is_dark_and_follows_the_system(visit, folder):
    page = visit(local(folder, "gpu"), color_scheme="light").page
    canvas = page.locator("#time .canvas canvas")
    bright, pixels = brightness(page), canvas.evaluate("canvas => canvas.toDataURL()")
    page.emulate_media(color_scheme="dark")
    assert bright > 240
    assert brightness(page) < 40
    page.wait_for_function(  # the chart is drawn anew when the browser has a moment
        "([selector, pixels]) => document.querySelector(selector).toDataURL() !== pixels",
        arg=["#time .canvas canvas", pixels],
    )


def brightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize("name", ["gpu", "cpu", "two", "hostile"])
def test_a_phone_needs_no_scrolling_sideways(visit, folder, name):
    page = visit(local(folder, name), viewport=PHONE).page
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_print_has_the_tables_and_is_bright(visit, folder):
    seen = visit(local(folder, "gpu"), color_scheme="dark")
    seen.page.evaluate(
        "addEventListener('beforeprint', () => {"
        "window.paper = getComputedStyle(document.body).backgroundColor;"
        "window.opened = document.querySelectorAll('details[open]').length; })"
    )
    folded, printed = seen.page.locator("details").count(), seen.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 4
    assert len(printed) > 50_000
    assert seen.page.evaluate("window.opened") == folded == len(CHARTS) + 1
    assert seen.page.evaluate("window.paper") == "rgb(255, 255, 255)"
    assert seen.page.locator("details[open]").count() == 0  # as it was
    assert brightness(seen.page) < 40


def test_the_files_can_be_saved(visit, folder, tmp_path):
    page = visit(local(folder, "gpu")).page
    for name in ("result.json", "samples.csv"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    assert (tmp_path / "result.json").read_bytes() == (folder / "gpu0.json").read_bytes()
    assert read_result(tmp_path / "result.json") == result()
    assert (tmp_path / "samples.csv").read_text().startswith("file,contender,library")


def test_the_legend_hides_and_shows(visit, folder):
    page = visit(local(folder, "gpu")).page
    canvas = page.locator("#time .canvas canvas")
    button = page.locator("#time .legend button", has_text="cuda")
    before = canvas.evaluate(COLOURED)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    hidden = canvas.evaluate(COLOURED)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert hidden < 0.9 * before
    assert canvas.evaluate(COLOURED) == pytest.approx(before, rel=0.02)


def test_the_keyboard_reads_the_values(visit, folder):
    page = visit(local(folder, "gpu")).page
    reading = page.locator("#time .reading")
    page.locator("#time .canvas canvas").focus()
    page.keyboard.press("ArrowRight")
    assert reading.inner_text().startswith("cpu, 182×158: 29.8 ms")
    page.keyboard.press("ArrowRight")
    assert reading.inner_text().startswith("cpu, 640×427: ")
    page.keyboard.press("ArrowUp")
    assert reading.inner_text().startswith("cuda, 640×427: ")
    page.keyboard.press("Escape")
    assert reading.inner_text() == ""


def test_pointing_shows_a_value(visit, folder):
    page = visit(local(folder, "gpu")).page
    canvas = page.locator("#time .canvas canvas")
    canvas.scroll_into_view_if_needed()
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    canvas.hover()
    page.wait_for_timeout(100)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before


def test_without_scripts_all_numbers_are_there(visit, folder):
    page = visit(local(folder, "gpu"), java_script_enabled=False).page
    assert page.locator("#time table tbody tr").count() == 27
    assert page.locator(".headline").inner_text().startswith("23.6×")


def test_an_attack_does_nothing(visit, folder):
    address = local(folder, "hostile")
    seen = visit(address)
    seen.assert_quiet(address)
    page = seen.page
    page.locator("#time .canvas canvas").hover()
    page.pdf()
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == 2
    assert (
        page.locator("body > *").count()
        == page.locator("body > :is(a, header, main, footer, script)").count()
    )
    assert seen.complaints == []


def test_the_policy_stops_a_script_that_was_not_in_the_page(visit, folder, tmp_path):
    attacked = tmp_path / "attacked.html"
    text = (folder / "gpu.html").read_text("utf-8")
    attacked.write_text(
        text.replace("</main>", "<script>window.hacked = 1</script></main>"), "utf-8"
    )
    seen = visit(attacked.as_uri())
    assert seen.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in complaint for complaint in seen.complaints)

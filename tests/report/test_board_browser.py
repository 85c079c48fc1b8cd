"""The board in a real browser: sorted, filtered, drawn, on a phone's width, bright and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_results import hostile
from playwright.sync_api import Browser, Page, expect, sync_playwright
from synthetic_results import SPEED, machine, result, series, written

from ort_deepdream.report.board.page import write_board
from ort_deepdream.report.board.rows import SIZES
from scripts.screenshot_report import find_chromium, sandbox_options

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
SMALL = {"images": (), "operators": (), "limits": (), "work": ()}
NAMES = ("cpu", "cuda")
FIRST_COLUMN = "#rows tbody tr > :nth-child({})"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox_options())
        yield started
        started.close()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of twelve results of four machines, each a little slower, and of one that attacks."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "results").mkdir()
    for number in range(12):
        speed = {name: (SPEED[name][0] * (1 + number / 9), SPEED[name][1]) for name in NAMES}
        timed = tuple(
            series(name, size, "warm", speed=speed[name]) for name in NAMES for size in SIZES
        )
        one = result(
            NAMES,
            series=timed,
            machine=machine(processor=f"Processor {number % 4}"),
            created=f"2001-02-{3 + number:02d}T04:05:06+00:00",
            **SMALL,
        )
        written(folder / "results", one, f"{number}.json")
    written(folder / "results", hostile(), "hostile.json")
    write_board(folder / "results", folder / "board")
    return folder / "board" / "index.html"


@pytest.fixture
def page(browser: Browser, board: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    options = getattr(request, "param", {})
    context = browser.new_context(**options)
    opened = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: requests.append(sent.url))
    opened.goto(board.as_uri())
    yield opened
    assert complaints == []
    assert [url for url in requests if not url.startswith(("data:", "file:"))] == []
    assert opened.evaluate("window.hacked") is None
    context.close()


def column(page: Page, number: int) -> list[str]:
    return page.locator(FIRST_COLUMN.format(number)).all_inner_texts()


PHONE = {"viewport": {"width": 390, "height": 844}}
DARK = {"color_scheme": "dark"}


@pytest.mark.parametrize("page", [{}, PHONE | DARK], indirect=True)
def test_it_is_sorted_filtered_and_drawn_and_opens_reports(page):
    assert page.locator("#count").inner_text() == "26 of 29 rows, the first 20 shown"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shortest = column(page, 2)
    page.locator("#more").click()
    times = column(page, 2)
    assert (len(shortest), len(times)) == (20, 26)
    assert times[:20] == shortest
    heading = page.locator("#rows button", has_text="dream at 182×158")
    heading.click()  # the longest first
    assert column(page, 2)[0] == times[-1]
    assert heading.locator("xpath=..").get_attribute("aria-sort") == "descending"

    page.locator("#kind").select_option("1")
    page.locator("#find").fill("processor 2, SYNTHETIC")
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    assert {text.split("\n")[0] for text in column(page, 1)} == {"Processor 2, 4 cores"}
    assert page.locator("#ratios svg .curve").count() == 3
    assert page.locator("#ratios svg .tick").count() >= 3 + 2  # on either axis

    page.locator("#find").fill("")
    page.locator("#kind").select_option("")
    page.locator("#machine").select_option(label="Processor 1, 4 cores; Synthetic GPU")
    assert page.locator("#history svg .curve").count() == 2
    assert page.locator("#history svg .curve .target").count() == 2 * 3
    page.locator("#dream").select_option("")
    expect(page.locator("#count")).to_contain_text("29 of 29")

    page.locator("#rows tbody a").first.click()
    assert "/reports/" in page.url
    page.get_by_role("link", name="The board").click()
    assert page.title() == "Which machine dreams how fast?"


def test_a_level_of_an_axis_is_named_however_little_is_in_view(page):
    """At least three, though nothing but 9.1 to 9.3 is to be seen."""
    page.locator("#kind").select_option("0")
    page.locator("#find").fill("processor 3,")
    page.locator("#machine").select_option(label="Processor 3, 4 cores; Synthetic GPU")
    levels = page.locator("#history svg .tick[text-anchor=end]").all_text_contents()
    assert len([text for text in levels if text]) >= 3

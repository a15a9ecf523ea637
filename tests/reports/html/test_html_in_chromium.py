"""The HTML report in a browser: it asks nobody, complains of nothing, and everything in it can be reached and read."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from gapless.reports.records.record import Clock, Verdict
from gapless.reports.records.results import Results
from tests.reports.html.chromium import chromium, found
from tests.reports.html.pages import MARKUP, ONE, hostile, opened
from tests.reports.samples import (
    ACTION,
    CLEAN,
    DIGEST,
    FAILING,
    HISTORY,
    HOLDING,
    LINES,
    LOST,
    MESSAGE,
    OBSERVATION,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if found() is None:
        pytest.skip("there is no Chromium with its driver on the path")
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def flood(events: int) -> Results:
    """One run of very many events, each on every lane."""
    lines = []
    for number in range(events):
        fields = {"id": f"00000000-0000-4000-8000-{number:012x}", "kind": "ActionEvent"}
        frame = {"connection": 1, "frame": number, **fields}
        for place, what, more in (
            ("log", "append", {**fields, "index": number, "branch": True}),
            ("publisher", "publish", fields),
            ("socket", "sent", frame),
            ("socket", "delivered", frame),
            ("client", "delivered", {"id": fields["id"], "repaired": number % 7 == 0}),
        ):
            lines.append(json.dumps({"t_s": number / 50, "place": place, "what": what, **more}))
    opening = json.dumps({"t_s": 0, "place": "socket", "what": "opened", "connection": 1})
    return Results((dataclasses.replace(CLEAN, digest="flood"),), journals={"flood": [opening, *lines]})


def test_a_page_opens_from_a_disk_without_a_request_or_a_complaint(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, FAILING)
    assert page.browser.current_url.startswith("file://")
    assert page.seen(".cell") == len(FAILING.records)
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    page.open("#run/r30-lost-frame.tree.inclusive.mine.0")
    page.until_drawn()
    assert page.log() == []


def test_hostile_words_are_shown_and_nothing_of_them_runs(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, hostile(), title=MARKUP)
    assert page.browser.title == MARKUP
    page.one(".cell").click()
    page.until_drawn()
    page.one("#order").click()
    assert page.one("#runname").text == MARKUP
    assert page.run("return document.querySelectorAll('img, script:not([type])').length") == 0
    assert page.log() == []


def test_filters_and_search_leave_the_runs_that_are_asked_for(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, FAILING)
    for name, value, runs in (
        ("verdict", "unsafe", 1),
        ("generation", "session", 1),
        ("cursor", "exclusive", 2),
        ("client", "mine", 4),
        ("fault", "event-drop", 2),
        ("race", "R30", 2),
    ):
        select = Select(page.one(f"#filters [name={name}]"))
        select.select_by_value(value)
        assert page.seen(".cell") == runs, name
        assert page.one("#found").text == f"{runs} of 5 runs"
        select.select_by_value("")
    page.one("#search").send_keys(ACTION[-8:])
    assert page.seen(".cell") == 1
    page.one("#search").send_keys("nowhere")
    assert not page.seen(".cell")
    assert page.seen("#nothing")
    page.one("#filters [type=reset]").click()
    WebDriverWait(browser, 5).until(lambda _: page.seen(".cell") == 5)
    page.one(".verdicts [data-verdict=stuck]").click()
    assert page.seen(".cell") == 1


def test_everything_can_be_reached_with_a_keyboard(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, FAILING)
    page.press("/")
    assert page.run("return document.activeElement.id") == "search"
    page.press(Keys.ESCAPE)
    page.run("document.querySelector('.cell[tabindex=\"0\"]').focus()")
    page.press(Keys.ARROW_DOWN)
    assert page.run("return document.activeElement.dataset.run") == "1"
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(Keys.ENTER)
    page.until_drawn()
    assert page.run("return document.activeElement.id") == "runname"
    page.press(Keys.ARROW_RIGHT)
    assert page.one("#which").text == "3 of 5"
    page.press(Keys.ARROW_LEFT)
    page.until_drawn()
    page.run("document.querySelector('#lanes').focus()")
    before = page.one("#lanes .time").text
    page.press("+", "+")
    assert page.one("#lanes .time").text != before
    page.press("0", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert "attach() is called" in page.one("#told").text
    assert page.seen("#journal [aria-current]") == 1
    page.run(
        "[...document.querySelectorAll('#journal li')].find((row) => row.textContent.includes('keeps Action')).click()"
    )
    page.one("#lanes").send_keys(Keys.ENTER)
    assert page.seen("#lanes .way")
    page.press(Keys.ESCAPE)
    assert not page.seen("#lanes .way")
    page.press(Keys.ESCAPE)
    WebDriverWait(browser, 5).until(lambda _: page.seen("#overview"))
    assert page.run("return document.activeElement.dataset.run") == "1"


def test_a_single_run_opens_on_its_lanes_and_a_click_shows_the_whole_way_of_an_event(
    browser: Chrome, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path, ONE)
    page.until_drawn()
    names = page.run("return [...document.querySelectorAll('#lanes .name')].map((one) => one.textContent)")
    assert names == ["Agent", "Log", "Socket", "REST", "Client", "Application"]
    assert not page.seen("#overview")
    lost = page.one("#lanes .lost")
    ActionChains(browser).move_to_element(lost).perform()
    assert re.fullmatch(
        rf"5\.150 s\s*The log keeps ActionEvent …{ACTION[-8:]} at place \d+\. Lost\.", page.one("#tip").text
    )
    ActionChains(browser).move_to_element(lost).click().perform()
    assert page.seen("#lanes path.way")
    told = page.one("#told").text
    assert told.startswith(f"ActionEvent …{ACTION[-8:]}: kept in the log at 5.150 s")
    assert "stopped on its way by lost; on a page at 6.101 s; never handed to the application" in told
    assert page.one("#journaltitle").text.startswith("The way of ActionEvent")
    page.one("#lanes").send_keys(Keys.ESCAPE)
    page.one("[data-way]").click()
    assert page.seen("#lanes .way")
    assert page.log() == []


def left_early() -> Iterator[str]:
    """A client that returns while the agent is at work, just after it has sent its message."""
    yield from (line for line in LINES if json.loads(line)["t_s"] < 5.05)
    held = [*HISTORY, MESSAGE]
    for t_s, place, what, fields in (
        (5.01, "client", "run-returned", {"held": held, "gaps": []}),
        (5.15, "log", "append", {"id": ACTION, "kind": "ActionEvent", "branch": True, "run": 0, "index": 4}),
        (5.16, "publisher", "publish", {"id": ACTION, "kind": "ActionEvent"}),
        (5.2, "socket", "sent", {"connection": 1, "frame": 3, "id": ACTION, "kind": "ActionEvent", "durable": True}),
        (5.25, "log", "append", {"id": OBSERVATION, "kind": "ObservationEvent", "branch": True, "index": 5}),
        (6.0, "agent", "run-ended", {"run": 0, "status": "finished", "log_length": 6, "leaf": OBSERVATION}),
        (6.2, "client", "closed", {"held": held}),
    ):
        yield json.dumps({"t_s": t_s, "place": place, "what": what, **fields})


def test_a_return_in_the_middle_of_a_run_is_drawn_as_the_loss_that_it_is(browser: Chrome, tmp_path: Path) -> None:
    (violation, *_) = LOST.violations
    losing_both = dataclasses.replace(violation, event_ids=(ACTION, OBSERVATION))
    record = dataclasses.replace(LOST, violations=(losing_both,))
    page = opened(
        browser, tmp_path, dataclasses.replace(ONE, records=(record,), journals={DIGEST: tuple(left_early())})
    )
    page.until_drawn()
    assert page.one("#lanes .returnedtext").text == "run() returns without 2 events"
    assert page.seen("#lanes .returned.loss")
    assert "too late" not in page.one("#lanes").text  # they were not even there when it returned
    boxes = page.run(
        "return ['.beside', '.returnedtext'].map((one) => "
        "[...document.querySelectorAll(`#lanes ${one}`)].at(-1).getBoundingClientRect())"
    )
    assert isinstance(boxes, list)
    send, returns = boxes
    assert send["right"] <= returns["left"] or returns["right"] <= send["left"]
    page.one("[data-way]").click()
    assert "sent at 5.200 s, 190 ms after run() had returned, never read" in page.one("#told").text


@pytest.mark.parametrize(
    ("event_id", "told"),
    [
        (HISTORY[0], "in the log before the client came; on a page"),
        (HISTORY[1], "in the log before the client came, or in none; handed to the application at 0.001 s."),
    ],
)
def test_what_a_journal_does_not_know_of_an_event_is_not_told(
    browser: Chrome, tmp_path: Path, event_id: str, told: str
) -> None:
    page = opened(browser, tmp_path, ONE)
    page.until_drawn()
    page.run(
        "[...document.querySelectorAll('#journal li')].find((row) => "
        f"row.textContent.includes('application gets') && row.textContent.includes('{event_id[-8:]}')).click()"
    )
    page.one("#lanes").send_keys(Keys.ENTER)
    assert told in page.one("#told").text


@pytest.mark.parametrize(
    ("clock", "time", "seen_again"),
    [("virtual", "Virtual time", "Replay"), ("real", "Real time", "Told and judged again by")],
)
def test_a_run_says_in_which_time_it_was_and_what_its_command_does(
    browser: Chrome, tmp_path: Path, clock: Clock, time: str, seen_again: str
) -> None:
    record = dataclasses.replace(LOST, clock=clock)
    page = opened(browser, tmp_path, dataclasses.replace(ONE, records=(record,)))
    page.until_drawn()
    names = page.run("return [...document.querySelectorAll('#facts dt')].map((one) => one.textContent)")
    assert isinstance(names, list)
    assert {"Virtual time", "Real time", "Replay", "Told and judged again by"} & set(names) == {time, seen_again}
    assert page.seen("#facts .copy") == 2, "how it is seen again, and the line of a test"


def test_runs_in_virtual_and_in_real_time_can_be_told_apart(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, Results((CLEAN, LOST, dataclasses.replace(LOST, clock="real"))))
    Select(page.one("#filters [name=clock]")).select_by_value("real")
    WebDriverWait(browser, 5).until(lambda _: page.seen(".cell") == 1)
    Select(page.one("#filters [name=clock]")).select_by_value("virtual")
    WebDriverWait(browser, 5).until(lambda _: page.seen(".cell") == 2)


def test_five_thousand_events_are_drawn_with_few_marks_and_told_apart_from_near(
    browser: Chrome, tmp_path: Path
) -> None:
    page = opened(browser, tmp_path, flood(5_000))
    page.until_drawn()
    drawn = page.run("return document.querySelectorAll('#lanes *').length")
    assert isinstance(drawn, int)
    assert drawn < 1_500
    pills = page.run("return [...document.querySelectorAll('#lanes .number.on-log')].map((one) => one.textContent)")
    assert isinstance(pills, list)
    assert sum(int(one.replace(",", "")) for one in pills) == 5_000
    for _ in range(12):
        page.one("[data-view=in]").click()
    assert not page.seen("#lanes .number.on-log")
    assert 2 <= page.seen("#lanes circle.log") < 60
    page.one("[data-view=all]").click()
    browser.find_elements(By.CSS_SELECTOR, "#lanes .pill.log")[3].click()
    assert "events appended to the log" in page.one("#told").text
    assert page.log() == []


def test_a_run_without_its_journal_says_so(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, dataclasses.replace(ONE, journals={}))
    WebDriverWait(browser, 5).until(lambda _: page.seen("#absent"))
    assert "not in this file" in page.one("#absent").text
    assert "gapless replay" in page.one("#absent").text


def test_colours_follow_the_system_until_somebody_chooses(browser: Chrome, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, HOLDING)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    dark = page.run(ground)
    assert dark != light
    page.one("#theme").click()
    assert (page.one("#theme").text, page.run(ground)) == ("○ light", light)
    page.one("#theme").click()
    assert (page.one("#theme").text, page.run(ground)) == ("● dark", dark)
    page.open()
    assert page.one("#theme").text == "● dark"
    page.one("#theme").click()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("fragment", ["", "#run/r30-lost-frame.tree.inclusive.mine.0"])
def test_a_narrow_window_needs_no_scrolling_sideways(browser: Chrome, tmp_path: Path, fragment: str) -> None:
    client = "package.module.of.somebody:" + "factory_with_a_long_name_" * 5
    (failed,) = [number for number, one in enumerate(FAILING.records) if one == LOST]
    records = list(FAILING.records)
    records[failed] = dataclasses.replace(LOST, client=client)
    page = opened(browser, tmp_path, dataclasses.replace(FAILING, records=tuple(records)))
    fragment = fragment.replace("mine", client)
    browser.set_window_size(500, 900)
    page.open(fragment)
    if fragment:
        page.until_drawn()
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_on_a_telephone_the_versions_do_not_stand_one_below_the_other(browser: Chrome, tmp_path: Path) -> None:
    versions = {f"a-library-number-{number}": "12.34.56" for number in range(7)}
    page = opened(browser, tmp_path, dataclasses.replace(HOLDING, versions=versions))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 420, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    title, listed, theme = (page.one(selector).rect for selector in (".top h1", ".versions", "#theme"))
    assert listed["width"] > 350
    assert listed["y"] >= max(title["y"] + title["height"], theme["y"] + theme["height"])
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# Texts whose contrast with what is behind them is below 4.5, which is what WCAG 2.2 asks for (1.4.3, level AA).
FAINT = """
const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const colour = (word) => {
  pixel.clearRect(0, 0, 1, 1); pixel.fillStyle = word; pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
};
const over = (above, below) => below.map((one, i) => above[i] * above[3] + one * (1 - above[3]));
const light = (parts) => {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const [red, green, blue] = parts.map((one) => linear(one / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const faint = new Set();
for (const one of document.querySelectorAll("body *")) {
  const hasText = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!hasText || !one.checkVisibility() || one instanceof SVGElement || one.disabled) continue;
  const above = [];
  for (let at = one; at; at = at.parentElement) above.unshift(colour(getComputedStyle(at).backgroundColor));
  const behind = above.reduce((below, next) => over(next, below), [255, 255, 255]);
  const text = over(colour(getComputedStyle(one).color), behind);
  const [dark, bright] = [light(text), light(behind)].sort((a, b) => a - b);
  if ((bright + 0.05) / (dark + 0.05) < 4.5) faint.add(`${one.tagName} ${one.className}`);
}
return [...faint];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#run/r30-lost-frame.tree.inclusive.mine.0"])
def test_every_text_stands_out_from_what_is_behind_it(
    browser: Chrome, tmp_path: Path, scheme: str, fragment: str
) -> None:
    page = opened(browser, tmp_path, FAILING)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    page.open(fragment)
    if fragment:
        page.until_drawn()
    assert page.run(FAINT) == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_verdict_has_a_mark_so_that_colour_is_not_needed_to_tell_it() -> None:
    from gapless.reports.html.overview import MARKS

    assert len({MARKS[verdict] for verdict in Verdict}) == len(Verdict)
    assert OBSERVATION in LINES[-1]


def test_the_picked_entry_shows_its_whole_message_and_a_command_that_makes_the_call_again(
    browser: Chrome, tmp_path: Path
) -> None:
    frame = {"id": OBSERVATION, "text": MARKUP}
    spoken = (
        {"message": "socket 1 4", "headers": [], "body": json.dumps(frame)},
        {"message": "rest 2 request", "headers": [["x-session-api-key", "(hidden)"]], "body": '{"text": "it\'s"}'},
        {"message": "rest 2 response", "headers": [["x-proxy", MARKUP]], "body": "{cut", "cut": 1996},
    )
    lines = (*ONE.journals[DIGEST], *map(json.dumps, spoken))
    page = opened(browser, tmp_path, dataclasses.replace(ONE, journals={DIGEST: lines}))

    def picked(words: str) -> str:
        page.open()
        page.until_drawn()
        page.run(
            f"[...document.querySelectorAll('#journal li')].find((row) => row.textContent.includes('{words}')).click()"
        )
        page.run("document.querySelector('#entry').open = true")
        return page.one("#entry").text

    shown = picked(f"sends ObservationEvent …{OBSERVATION[-8:]}")
    assert json.dumps(frame, indent=2) in shown
    shown = picked("Call 2: POST")
    assert "x-session-api-key: (hidden)" in shown
    assert f"x-proxy: {MARKUP}" in shown
    assert "2,000 characters, the first 4 of them here" in shown
    assert 'curl -X POST -H "x-session-api-key: $GAPLESS_API_KEY"' in page.one("#curl").text
    assert """-d '{"text": "it'\\''s"}'""" in page.one("#curl").text
    assert "is not in this file" in picked("Call 1: GET")
    assert page.log() == []

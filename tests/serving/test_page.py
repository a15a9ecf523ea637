"""The page at /sim/, in a headless Chromium: what it shows of a client, and that its switches reach the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.reports.html.chromium import chromium, found
from tests.serving.test_cli import serving

PATIENCE_S = 20
SLOW = """
name = "slow"
title = "A run that goes on while somebody looks"
origin = "tests"
generations = ["tree"]

[workload]
history_events = 3

[[workload.runs]]
init_s = 0.01
actions = 2
step_s = 0.05

[[faults]]
kind = "event-drop"
name = "lost-action"
match = { kind = "ActionEvent", nth = 1 }
"""

needs_chromium = pytest.mark.skipif(found() is None, reason="there is no Chromium with its driver")


class Page:
    """The page of one server; ``http`` is a client of it."""

    def __init__(self, browser: Chrome, told: dict[str, str]) -> None:
        self.browser = browser
        self.url = told["url"]
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S)
        self.conversation = f"/api/conversations/{told['conversation id']}"
        browser.get(told["control"])
        self.until(lambda: self.text("title") not in ("", "…"))

    def text(self, name: str) -> str:
        return str(self.browser.execute_script("return document.getElementById(arguments[0]).textContent", name))

    def until(self, is_so: Callable[[], bool]) -> None:
        WebDriverWait(self.browser, PATIENCE_S).until(lambda _: is_so())

    def count(self, selector: str) -> int:
        return len(self.browser.find_elements(By.CSS_SELECTOR, selector))

    def press(self, selector: str) -> None:
        """Click, on a page that may put another element in place of one that was found."""
        self.until(lambda: self._pressed(selector))

    def _pressed(self, selector: str) -> bool:
        try:
            self.browser.find_element(By.CSS_SELECTOR, selector).click()
        except StaleElementReferenceException:
            return False
        return True

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    scenario = tmp_path / "slow.toml"
    scenario.write_text(SLOW)
    with serving("--scenario-file", str(scenario)) as (_, told), chromium(tmp_path / "profile") as browser:
        yield Page(browser, told)


@needs_chromium
def test_the_page_shows_what_happens_and_its_switches_reach_the_server(page: Page) -> None:
    assert page.text("title") == "A run that goes on while somebody looks"
    assert (page.text("state"), page.text("word")) == ("waiting for a client", "no client yet")
    assert page.url in page.text("address")

    page.http.get(f"{page.conversation}/events/search", params={"limit": 100}).raise_for_status()
    page.http.post(f"{page.conversation}/run").raise_for_status()
    page.until(lambda: page.text("calls") == "1")
    page.until(lambda: "11 of" not in page.text("counts") and "finished" in page.text("counts"))
    assert page.text("state") == "running"
    assert page.count("#lanes [data-i]") > 5
    assert page.count("#journal li") > 10
    assert "nothing of what it holds" in page.text("pending")

    box = "#faults input[aria-label='fault lost-action']"
    page.press(box)
    page.until(lambda: page.http.get("/sim/faults").json()["faults"] == [])
    page.press(box)
    page.until(lambda: [one["name"] for one in page.http.get("/sim/faults").json()["faults"]] == ["lost-action"])

    Select(page.browser.find_element(By.ID, "preset")).select_by_visible_text("rest-status")
    page.press("#adding button")
    page.until(lambda: page.count("#faults li") == 2)

    page.press("[data-do=heal]")
    page.until(lambda: page.text("state") == "healed")
    page.press("[data-do=reset]")
    page.until(lambda: page.text("state") == "waiting for a client")

    Select(page.browser.find_element(By.ID, "scenario")).select_by_visible_text("r34-disconnect-in-mid-run")
    page.until(lambda: page.count("#variants option") == 6)
    page.press("#starting button")
    page.until(lambda: page.text("title").startswith("The socket breaks in mid-run"))
    assert page.complaints() == []


@needs_chromium
def test_a_mistake_is_told_in_a_sentence_on_the_page(page: Page) -> None:
    fault = page.browser.find_element(By.ID, "fault")
    fault.clear()
    fault.send_keys('{"kind": "event-dorp"}')
    page.press("#adding button")
    page.until(lambda: "event-dorp" in page.text("toast"))

"""Pages to test: results that are hostile, a run that loses an event, and a page opened in a browser."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from gapless.reports.html import render_html
from gapless.reports.records.never import Never
from gapless.reports.records.results import Results
from tests.reports.samples import (
    ACTION,
    DIGEST,
    FAILING,
    HOSTILE,
    LINES,
    LOST,
)

MARKUP = "\"'></script></style></title><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}"


def losing() -> Iterator[str]:
    """The sample's journal, but that the dropped event reaches nobody. The driver cannot tell what it reads where that
    is no Unicode: so the fault has a name of its own here.
    """
    for line in LINES:
        entry = json.loads(line.replace(json.dumps(HOSTILE), '"lost"'))
        if (entry["place"], entry["what"], entry.get("id")) == ("client", "delivered", ACTION):
            continue
        if "held" in entry:
            entry["held"] = [one for one in entry["held"] if one != ACTION]
        yield json.dumps(entry)


ONE = Results((LOST,), FAILING.versions, journals={DIGEST: tuple(losing())})


def hostile() -> Results:
    """Results in which everything that can be a text is one that would break out of wherever it is put."""
    violation = dataclasses.replace(LOST.violations[0], oracle=MARKUP, message=MARKUP, event_ids=(MARKUP,))
    record = dataclasses.replace(
        LOST,
        scenario=MARKUP,
        origin=MARKUP,
        client=MARKUP,
        generation=MARKUP,
        cursor=MARKUP,
        title=MARKUP,
        races=(MARKUP,),
        digest=MARKUP,
        violations=(violation,),
        taken=(MARKUP,),
        capsule=MARKUP,
        replay=MARKUP,
        rest=dataclasses.replace(LOST.rest, because=(MARKUP,)),
        faults=tuple(dataclasses.replace(one, name=MARKUP, kind=MARKUP) for one in LOST.faults),
        kills=tuple(dataclasses.replace(one, client=MARKUP, by=MARKUP) for one in LOST.kills),
    )
    entry = {"t_s": 0, "place": "client", "what": MARKUP, MARKUP: MARKUP, "id": MARKUP}
    lines = [*LINES, json.dumps(entry), json.dumps({**entry, "place": MARKUP})]
    sweep = (dataclasses.replace(record, history_events=5),)
    return Results(
        (record, dataclasses.replace(record, seed=1, client=HOSTILE)),
        {MARKUP: MARKUP},
        never=(Never(MARKUP, MARKUP, MARKUP),),
        sweep=sweep,
        journals={MARKUP: lines},
    )


class Page:
    """A page that was opened from a disk."""

    def __init__(self, browser: Chrome, path: Path) -> None:
        self.browser = browser
        self.url = path.as_uri()

    def open(self, fragment: str = "") -> None:
        self.browser.get("about:blank")
        self.log()
        self.browser.get(self.url + fragment)

    def seen(self, selector: str) -> int:
        """How many are in sight, asked in one go: lanes may be drawn anew between two questions."""
        code = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility()).length"
        found: int = self.browser.execute_script(code, selector)
        return found

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def run(self, code: str) -> object:
        found: object = self.browser.execute_script(code)
        return found

    def until_drawn(self) -> None:
        WebDriverWait(self.browser, 10).until(lambda _: self.seen("#lanes [data-i]"))

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def log(self) -> list[str]:
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium leaves it untyped
        return [entry["message"] for entry in entries]


def opened(browser: Chrome, tmp_path: Path, results: Results, title: str = "A report") -> Page:
    """A page of results, opened from a disk, in a wide window."""
    path = tmp_path / "report.html"
    path.write_text(render_html(results, title=title), encoding="utf-8")
    browser.set_window_size(1400, 1000)
    page = Page(browser, path)
    page.open()
    return page

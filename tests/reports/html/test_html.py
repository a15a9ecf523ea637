"""The HTML report: one file, byte-stable, within its bound, free of others' markup."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re

import pytest

from gapless.reports.html import render_html
from gapless.reports.html.assets import SCRIPTS, asset, script
from gapless.reports.html.charts import calls_chart
from gapless.reports.records.results import Results
from tests.reports.html.embedded import embedded
from tests.reports.html.outline import Outline
from tests.reports.html.pages import MARKUP, hostile
from tests.reports.samples import (
    CLEAN,
    DIGEST,
    FAILING,
    HOLDING,
    HOSTILE,
    LINES,
    LOST,
)


def test_the_same_results_give_the_same_page() -> None:
    assert render_html(FAILING) == render_html(FAILING)


def test_a_page_without_any_run_can_be_rendered() -> None:
    assert "runs hold" in render_html(Results(()))


def test_what_records_and_journals_say_becomes_text_and_never_markup() -> None:
    page = Outline(render_html(hostile(), title=MARKUP))
    kinds = [attributes.get("type") for tag, attributes in page.elements if tag == "script"]
    assert kinds == ["application/json", "text/plain", "module"]
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert " ".join(MARKUP.split()) in page.words


def test_a_page_with_characters_that_no_encoding_holds_can_be_written() -> None:
    assert render_html(FAILING, title=HOSTILE).encode()


def test_a_page_asks_nobody_and_runs_no_script_but_its_own() -> None:
    text = render_html(FAILING)
    page = Outline(text)
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in {"href", "src"}]
    assert {link.partition("/")[0] for link in links} <= {"#run", "#runs", "data:,"}
    (policy,) = [attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv")]
    assert policy.startswith("default-src 'none'")
    code = text.partition('<script type="module">')[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_scripts_that_are_joined_import_nothing_and_declare_no_name_twice() -> None:
    code = script()
    assert not re.search(r"^(import|export)\b", code, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", code, re.MULTILINE)
    assert len(names) == len(set(names))
    assert all(re.search(r"^import .*;$", asset(name), re.MULTILINE) for name in SCRIPTS if name == "report.js")


def test_a_journal_is_embedded_once_however_many_runs_have_it() -> None:
    again = dataclasses.replace(LOST, seed=7)
    page = render_html(dataclasses.replace(FAILING, records=(*FAILING.records, again)))
    assert embedded(page) == {DIGEST: "\n".join(LINES)}


def noise(seed: int, size_bytes: int) -> list[str]:
    """A journal line that does not deflate."""
    digits = "".join(hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(size_bytes // 32))
    return [json.dumps({"t_s": 0, "place": "world", "what": digits})]


def test_the_largest_journals_of_passing_runs_are_left_out_first_and_the_page_says_so() -> None:
    passing = [dataclasses.replace(CLEAN, seed=seed, digest=f"p{seed}") for seed in range(3)]
    failing = dataclasses.replace(LOST, digest="f")
    sizes = {"p0": 20_000, "p1": 60_000, "p2": 40_000, "f": 90_000}
    journals = {digest: noise(seed, size) for seed, (digest, size) in enumerate(sizes.items())}
    results = Results((*passing, failing), journals=journals)
    whole = render_html(results)
    assert set(embedded(whole)) == set(sizes)
    assert "left out" not in Outline(whole).words[0:20]
    tight = render_html(results, size_bytes_max=len(whole) - 1)
    assert set(embedded(tight)) == {"p0", "p2", "f"}
    assert "1 journal left out" in Outline(tight).words
    assert len(tight.encode()) < len(whole)
    tighter = render_html(results, size_bytes_max=len(tight.encode()) - 1)
    assert set(embedded(tighter)) == {"p0", "f"}
    assert "2 journals left out" in Outline(tighter).words
    assert embedded(render_html(results, size_bytes_max=0)) == {}


def test_a_page_says_what_never_happened_and_whether_it_was_interrupted() -> None:
    words = Outline(render_html(FAILING)).words
    assert "Interrupted." in words
    assert "link-stall" in words
    assert "syncclient/core/core.py:12" in words
    others = Outline(render_html(HOLDING)).words
    assert "Interrupted." not in others
    assert "What never happened" not in others


def test_a_chart_of_growth_is_there_only_with_a_sweep() -> None:
    assert "REST calls as the history grows" in Outline(render_html(FAILING)).words
    assert "REST calls as the history grows" not in Outline(render_html(HOLDING)).words


@pytest.mark.parametrize(("calls", "length"), [(0, 0), (0, 10), (3, 10)])
def test_a_sweep_of_one_point_can_be_drawn(calls: int, length: int) -> None:
    rest = dataclasses.replace(CLEAN.rest, calls=calls, optimum_calls=0)
    point = dataclasses.replace(CLEAN, rest=rest, history_events=length)
    assert "</svg>" in render_html(dataclasses.replace(HOLDING, sweep=(point,)))


def test_of_very_many_scenarios_the_chart_shows_those_farthest_above_the_optimum() -> None:
    records = tuple(
        dataclasses.replace(CLEAN, scenario=f"s{n}", rest=dataclasses.replace(CLEAN.rest, calls=n, optimum_calls=0))
        for n in range(60)
    )
    page = render_html(Results(records))
    assert "the 36 farthest above it; the 24 others make 276 calls, 0 at least" in page
    assert "<title>s59: 59 calls, 0 at least</title>" in page
    assert "<title>s23: " not in page


def test_of_a_long_name_a_chart_shows_what_has_room() -> None:
    client = "package.module.of.somebody:a_factory_of_mine"
    records = [
        dataclasses.replace(CLEAN, scenario="r34-disconnect-in-mid-run"),
        dataclasses.replace(CLEAN, client=client),
    ]
    chart = calls_chart(records)
    assert chart is not None
    labels = re.findall(r">([^<>]* · [^<>]*)</text>", chart.svg)
    assert labels == ["r34-disconnect-in-… · mine", "clean-r… · …factory_of_mine"]
    assert f"<title>clean-run · {client}: " in chart.svg


def test_the_page_says_which_client_command_date_and_commit() -> None:
    made = {"command": "gapless run <R10>", "date": "2026-11-27 03:48 UTC", "commit": "a58938d"}
    page = render_html(dataclasses.replace(FAILING, made=made))
    assert "gapless run &lt;R10&gt;" in page
    for word in ("<b>client</b>", "2026-11-27 03:48 UTC", "a58938d"):
        assert word in page

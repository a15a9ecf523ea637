"""What `make interop` is made of, as far as it needs no published package; and digests, where one is installed.

`make interop` itself is the test of the whole; its tables are in `docs/`.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from gapless.scenarios.definition.loading import load_file
from tests.interop import both_clocks, documents, environments, expectations, fidelity, model_endpoint
from tests.interop.__main__ import _whole
from tests.interop.both_clocks import Pair
from tests.interop.documents import Circumstances
from tests.interop.environments import EnvironmentMissing
from tests.interop.lockstep_table import HOLDS, Cell, KeptCells, Task, measuring, tasks
from tests.interop.playing import Playing
from tests.interop.proxy import Proxy
from tests.interop.server_table import ServerRow
from tests.interop.subjects import both_ends, subjects

BLANK = Cell("sdk 1.58.2", "sdk-from-1.58", "r10-late-tail", "tree", returns="in time")


# --- the table in virtual time ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, HOLDS),
        ({"calls": 12, "return_s": 0.3}, HOLDS),
        ({"lost": 2, "undelivered": 1}, "2 lost, 1 undelivered"),
        ({"twice": 1, "returns": "early"}, "1 delivered twice, early"),
        ({"error": "run raises ValueError: no"}, "run raises ValueError"),
        ({"problem": "WorldBroke: no"}, "no outcome: WorldBroke: no"),
    ],
)
def test_an_outcome_is_a_line(change: dict[str, Any], outcome: str) -> None:
    assert dataclasses.replace(BLANK, **change).outcome == outcome


def test_a_cell_that_is_not_as_its_class_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "EXPECTED", tmp_path)
    lossy = dataclasses.replace(BLANK, lost=2)
    (tmp_path / "sdk-from-1.58.toml").write_text(expectations.written("sdk-from-1.58", [lossy]))
    assert expectations.differences([lossy]) == []
    assert expectations.differences([BLANK]) == ["sdk 1.58.2, r10-late-tail, tree: '–', expected '2 lost'"]


@pytest.mark.parametrize(
    ("release", "release_class", "generations"),
    [
        ("1.11.0", "sdk-before-1.16", ("legacy",)),
        ("1.24.0", "sdk-from-1.16", ("legacy",)),
        ("1.25.0", "sdk-from-1.25", ("legacy",)),
        ("1.57.0", "sdk-from-1.36", ("legacy", "tree", "session")),
        ("1.58.2", "sdk-from-1.58", ("legacy", "tree", "session")),
    ],
)
def test_a_release_belongs_to_a_class(release: str, release_class: str, generations: tuple[str, ...]) -> None:
    (subject,) = subjects(release)
    assert (subject.release_class, subject.generations) == (release_class, generations)


def test_the_typescript_client_is_measured_once_for_each_way_to_wait() -> None:
    names = [subject.name for subject in subjects("typescript-1.39.0")]
    assert names == ["typescript 1.39.0 idle", "typescript 1.39.0 snapshot"]


def test_a_generation_that_a_release_does_not_understand_has_the_clean_run_alone() -> None:
    wanted = tasks(subjects("1.24.0"), ("legacy", "tree"))
    assert [task.scenario for task in wanted if task.generation == "tree"] == ["clean-run"]
    assert len({task.scenario for task in wanted if task.generation == "legacy"}) > 100
    assert not [task for task in wanted if task.scenario.startswith(("cost-", "counted-"))]


def test_a_published_server_has_what_it_can_play_with_our_client_and_its_own_sdk() -> None:
    wanted = tasks(both_ends("1.58.2"), ("session",))
    assert {task.subject.name for task in wanted} == {"sdk 1.58.2 on 1.58.2", "gapless on 1.58.2"}
    assert {task.subject.release_class for task in wanted} == {"sdk-from-1.58-on-server", "gapless-on-server"}
    assert {task.subject.server for task in wanted} == {"openhands-agent-server==1.58.2"}
    scenarios = {task.scenario for task in wanted}
    assert "r10-late-tail" in scenarios
    assert not {"r20-late-stats", "recorded-link-close"} & scenarios


def test_the_section_on_both_ends_tells_where_the_simulated_server_comes_to_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectations, "EXPECTED", tmp_path)
    simulated = dataclasses.replace(BLANK, generation="session", undelivered=2)
    (tmp_path / "sdk-from-1.58.toml").write_text(expectations.written("sdk-from-1.58", [simulated]))
    subject, _ = both_ends("1.58.2")
    cell = dataclasses.replace(simulated, subject=subject.name, release_class=subject.release_class)
    same = documents.both_ends("2026-01-02", "0.1.0", [cell])
    assert "comes to the same in 1 of 1 of these runs" in same
    other = documents.both_ends("2026-01-02", "0.1.0", [dataclasses.replace(cell, undelivered=0, lost=1)])
    assert "comes to the same in 0 of 1 of these runs" in other
    assert "| r10-late-tail | sdk 1.58.2 on 1.58.2 | 1 lost | 2 undelivered |" in other


def test_a_cell_is_kept_until_something_changes_on_which_it_depends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (subject,) = subjects("1.58.2")
    done, left, broke = (Task(subject, name, "tree") for name in ("r10-late-tail", "r30-lost-frame", "clean-run"))
    kept = KeptCells(tmp_path / "kept" / "cells.jsonl")
    assert kept.known([done]) == {}
    kept.keep(done, BLANK)
    kept.keep(broke, dataclasses.replace(BLANK, problem="WorldBroke: no"))
    with (tmp_path / "kept" / "cells.jsonl").open("a") as file:
        file.write('{"key": "cut sho')
    again = KeptCells(tmp_path / "kept" / "cells.jsonl")
    assert again.known([done, left, broke]) == {done: BLANK}
    monkeypatch.setattr("tests.interop.lockstep_table.code_digest", lambda: "other")
    assert KeptCells(tmp_path / "kept" / "cells.jsonl").known([done]) == {}
    again.forget()
    assert again.known([done]) == {}


def test_every_class_with_an_environment_has_expectations() -> None:
    classes = {subject.release_class for release in environments.releases() for subject in subjects(release)}
    assert {one for one in classes if expectations.expected(one).generations} == classes


def test_a_generation_of_which_nothing_was_recorded_is_told_and_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectations, "EXPECTED", tmp_path)
    (tmp_path / "sdk-from-1.58.toml").write_text(expectations.written("sdk-from-1.58", [BLANK]))
    other = dataclasses.replace(BLANK, generation="session", lost=2)
    assert expectations.differences([BLANK, other]) == []
    assert expectations.not_compared([BLANK, other]) == ["sdk-from-1.58, session: nothing was recorded; --accept does"]


def test_a_section_is_written_anew_where_all_of_its_releases_were_measured() -> None:
    pinned = ("1.24.0", "1.57.0", "1.58.2", "typescript-1.39.0")
    always = {documents.CLOCKS, documents.SERVER}
    assert _whole(("1.58.2",), pinned) == always
    assert _whole(pinned[:3], pinned) == always | {documents.SDK, documents.BOTH_ENDS}
    assert _whole(pinned[1:], pinned) == always | {documents.TYPESCRIPT_CLIENT, documents.BOTH_ENDS}


def test_every_scenario_of_both_clocks_is_there() -> None:
    assert {*both_clocks.SHORT, both_clocks.CUT} == {load_file(path).name for path in both_clocks.SCENARIOS.glob("*")}


def test_clocks_that_differ_without_a_reason_are_told_where_the_fault_fired() -> None:
    lossy = dataclasses.replace(BLANK, verdict="unsafe", lost=1)
    pair = Pair("sdk", "lost-frame", "tree", lossy, BLANK, fired=True)
    assert pair.wrong == "sdk, lost-frame, tree: unsafe (1 lost) in virtual time,  (–) in real time"
    assert dataclasses.replace(pair, fired=False).wrong is None
    assert dataclasses.replace(pair, reason="because").wrong is None
    assert dataclasses.replace(pair, real=lossy).wrong is None


def test_the_page_and_the_document_have_every_cell() -> None:
    lossy = dataclasses.replace(BLANK, verdict="unsafe", lost=2, return_s=-3.04, returns="early", error="run hangs <x>")
    text = documents.page("Title", [lossy])
    assert "2 lost, early" in text
    assert "&lt;x&gt;" in text
    section = documents.lockstep(
        "2026-01-02", "0.1.0", [lossy, dataclasses.replace(BLANK, scenario="clean-run")], ["x"]
    )
    assert "| r10-late-tail | 2 lost, 3.0 s early, run hangs <x> |" in section
    assert "Nothing to tell of 1 others: clean-run." in section
    assert "Not measured: x" in section


def test_what_was_not_measured_stays_in_the_document() -> None:
    before = documents.interop({documents.CLOCKS: "old clocks", documents.SERVER: "old server"}, "")
    after = documents.interop({documents.CLOCKS: "new clocks"}, before)
    assert "old server" in after
    assert "new clocks" in after
    assert "old clocks" not in after


SLOW_RERUNS = int(os.environ.get("GAPLESS_SDK_RERUNS", "50"))


@pytest.mark.slow
def test_reruns_of_a_race_with_the_published_sdk_have_one_digest() -> None:
    """GAPLESS_SDK_RERUNS=1000 makes a thousand of them."""
    release = _ready("1.58.2")
    wanted = [Task(subject, "r10-late-tail", "tree") for subject in subjects(release)] * SLOW_RERUNS
    with measuring(wanted, 2) as cells:
        assert len({cell.digest for cell in cells}) == 1


DIGESTS = """
import sys
from tests.interop.lockstep_table import measuring, tasks
from tests.interop.subjects import WEBSOCKETS, subjects
known = (WEBSOCKETS,) if sys.argv[1] == "websockets" else subjects(sys.argv[1])
with measuring(tasks(known, [sys.argv[2]])[:: int(sys.argv[3])], 1) as cells:
    for cell in cells:
        print(cell.subject, cell.scenario, cell.digest or cell.problem)
"""
# Each so many runs of the catalog; GAPLESS_DIGESTS=all takes every one, which can take half an hour for a client.
DIGESTS_STRIDE = 1 if os.environ.get("GAPLESS_DIGESTS") == "all" else 12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("release", "generation"), [("1.58.2", "tree"), ("typescript-1.39.0", "tree"), ("websockets", "session")]
)
def test_the_whole_catalog_has_equal_digests_in_two_processes(release: str, generation: str) -> None:
    """Both run at once, under two hash seeds, so that each makes the machine busy for the other."""
    if release != "websockets":
        _ready(release)
    asked = [sys.executable, "-c", DIGESTS, release, generation, str(DIGESTS_STRIDE)]
    processes = [
        subprocess.Popen(
            asked,
            stdout=subprocess.PIPE,
            text=True,
            cwd=environments.ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        for hash_seed in ("1", "2")
    ]
    found = [sorted(process.communicate()[0].splitlines()) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(found[0]) > 100 / DIGESTS_STRIDE
    assert found[0] == found[1]


def _ready(release: str) -> str:
    if not environments.is_ready(release):
        pytest.skip(f"the environment of {release} has not been built: make interop does")
    return release


# --- environments -------------------------------------------------------------------------------------------


def test_a_shim_that_fails_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "nowhere"))
    monkeypatch.delenv("GAPLESS_PYTHON312", raising=False)
    with pytest.raises(EnvironmentMissing, match=r"needs Python 3\.12 or newer.*none was found"):
        environments.python()


@pytest.mark.parametrize("text", [None, "no program", "#!/bin/sh\nexit 127\n"])
def test_an_interpreter_that_is_named_and_will_not_do_is_told(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "python"
    if text is not None:
        named.write_text(text)
        named.chmod(0o755)
    monkeypatch.setenv("GAPLESS_PYTHON312", str(named))
    with pytest.raises(EnvironmentMissing, match=f"GAPLESS_PYTHON312 names {named}, which is no Python"):
        environments.python()


def test_an_environment_whose_interpreter_is_gone_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = environments.releases()[0]
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    interpreter = Path(environments.executable(release))
    interpreter.parent.mkdir(parents=True)
    interpreter.touch()
    pins = (environments.PINS / f"requirements-{release}.txt").read_text(encoding="utf-8")
    (environments.directory(release) / ".ready").write_text(pins, encoding="utf-8")
    assert environments.is_ready(release)
    interpreter.unlink()
    assert not environments.is_ready(release)


def test_pins_are_names_and_versions_alone() -> None:
    for release in environments.releases():
        if release.startswith(environments.TYPESCRIPT):
            continue
        lines = (environments.PINS / f"requirements-{release}.txt").read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line.count("==") != 1 or "/" in line or "@" in line] == []
        assert f"openhands-sdk=={release}" in lines


# --- the proxy and the model --------------------------------------------------------------------------------


async def test_the_proxy_counts_reads_and_polls_apart() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, _answer_everything, 0)
        proxy = Proxy(listeners[0].socket.getsockname()[1])
        await nursery.start(proxy.serve)
        async with httpx.AsyncClient(base_url=proxy.url) as http:
            await http.get("/api/conversations/x")
            await http.get("/api/conversations/x/events/search?limit=100")
            await http.post("/api/conversations/x/events", json={"content": []})
            await http.get("/api/conversations/x/events/count")
        nursery.cancel_scope.cancel()
    assert (len(proxy.reads()), len(proxy.reads(3)), proxy.polls(), len(proxy.requests)) == (2, 1, 1, 4)


async def _answer_everything(stream: trio.SocketStream) -> None:
    while await stream.receive_some():
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def test_the_model_does_as_it_is_told() -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": model_endpoint.order(2)}]}]
    called = []
    async with trio.open_nursery() as nursery:
        url: str = await nursery.start(model_endpoint.serve)
        async with httpx.AsyncClient() as http:
            for _ in range(3):
                answer = await http.post(f"{url}/chat/completions", json={"model": "any", "messages": said})
                message = answer.json()["choices"][0]["message"]
                called.append(message["tool_calls"][0]["function"]["name"])
                said += [message, {"role": "tool", "content": "done"}]
        nursery.cancel_scope.cancel()
    assert called == ["think", "think", "finish"]


# --- fidelity -----------------------------------------------------------------------------------------------


def test_a_difference_without_a_reason_is_told_and_so_is_a_reason_without_a_difference() -> None:
    real = {"info": {"status": 200, "body": {"agent": {"llm": 1}, "title": "a"}}}
    ours = {"info": {"status": 404, "body": {"agent": {}, "title": "a"}}}
    measured = fidelity.compare("1.57.0", real, ours)
    explained = [one for one in measured.differences if one.reason is not None]
    assert [one.what for one in explained] == ["body.agent: 'llm' is missing here"]
    assert measured.wrong[0] == "status: 200 on the real server, 404 here (in info)"
    assert len(measured.wrong) == 1 + len(fidelity.REASONS) - 1


def test_a_live_answer_in_angle_brackets_is_compared_like_any_other() -> None:
    measured = fidelity.compare("1.57.0", {"page": {"text": "<html>"}}, {"page": {"text": "<body>"}})
    assert measured.wrong[0] == "text: '<html>' on the real server, '<body>' here (in page)"


def test_ids_become_ordinals_and_times_and_texts_placeholders() -> None:
    event_id, stranger = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
    playing = Playing("http://127.0.0.1:1")
    playing.log = [{"id": event_id}]
    playing.transcript = {
        "step": {"id": event_id, "parent_id": stranger, "timestamp": "2026-01-01T12:00:00.000001", "text": "hello"}
    }
    assert playing.normalised() == {
        "step": {"id": "{event 0}", "parent_id": "{id}", "timestamp": "{time}", "text": "{free}"}
    }


# --- documents ----------------------------------------------------------------------------------------------


def test_documents_say_when_with_what_and_how_to_get_them_again() -> None:
    when = Circumstances("2026-01-02", "3.12.1", "0.1.0")
    row = ServerRow("tree", "clean runs", 52, 0, (0, 0, 0), 0, "0 calls a run", ())
    text = documents.server(when, "1.57.0", [row])
    assert "2026-01-02" in text
    assert "`make interop`" in text
    assert "| tree | clean runs | 52 | 0 | 0, 0, 0 | 0 | as it should be: 0 calls a run |" in text
    unexplained = fidelity.compare("1.57.0", {"info": {"status": 200}}, {"info": {"status": 404}})
    assert "| 1 | `status: 200 on the real server, 404 here` | info | **none** |" in documents.fidelity(
        when, unexplained
    )

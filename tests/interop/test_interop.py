"""What `make interop` is made of, as far as it needs no published package; and one race with the SDK where it is there.

`make interop` itself is the test of the whole; its tables are in `docs/`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import httpx
import pytest
import trio

from gapless.scenarios.definition.loading import load_file
from tests.interop import documents, environments, fidelity, model_endpoint
from tests.interop.documents import Circumstances
from tests.interop.environments import EnvironmentMissing
from tests.interop.expectations import EXPECTED, Expected
from tests.interop.playing import Playing
from tests.interop.proxy import Proxy
from tests.interop.sdk_table import SCENARIOS, Row, differences, measure, returned
from tests.interop.server_table import ServerRow

EXPECTATION = Expected("late-tail", 0, 10, "in time", "because")
AS_EXPECTED = Row("1.57.0", "tree", "late-tail", 0, 11, 1, 3, 0.1, EXPECTATION, ())


# --- the SDK table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lost": 2}, "2 events lost, 0 expected"),
        ({"calls": 12}, "11 reads, 10 expected"),
        ({"return_s": -1.0}, "run() returned -1.0 s after the run's end, expected in time"),
        ({"return_s": None}, "run() returned None s after the run's end, expected in time"),
    ],
)
def test_an_outcome_that_was_not_expected_is_told(change: dict[str, object], says: str) -> None:
    assert differences(AS_EXPECTED) == []
    assert differences(dataclasses.replace(AS_EXPECTED, **change)) == [says]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "word"), [(-0.1, "early"), (0.0, "in time"), (31.0, "after 30 s"), (15.0, None), (None, None)]
)
def test_a_return_is_put_into_words(seconds: float | None, word: str | None) -> None:
    assert returned(seconds) == word


def test_every_expectation_has_its_scenario_and_the_other_way_round() -> None:
    expected = {one.scenario for expectations in EXPECTED.values() for one in expectations}
    assert expected == {load_file(path).name for path in SCENARIOS.glob("*.toml")}
    assert set(EXPECTED) == set(environments.releases())


@pytest.mark.slow
@pytest.mark.parametrize("release", sorted(EXPECTED))
async def test_the_published_sdk_meets_its_expectation(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not environments.is_ready(release):
        pytest.skip(f"there is no environment with openhands-sdk {release}; make interop builds it")
    monkeypatch.setitem(EXPECTED, release, tuple(one for one in EXPECTED[release] if one.scenario == "late-tail"))
    rows = await measure(release, tmp_path, lambda _: None)
    assert rows
    assert [row.wrong for row in rows] == [()] * len(rows)


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
    server = ServerRow("tree", "clean runs", 52, 0, (0, 0, 0), 0, "0 calls a run", ())
    text = documents.interop(when, {"1.57.0": [AS_EXPECTED]}, "1.57.0", [server])
    assert "2026-01-02" in text
    assert "`make interop`" in text
    assert "| 1.57.0 | tree | late-tail | 0 | 11 | 1 | 3 | 3.7 | 0.1 |" in text
    assert "| tree | clean runs | 52 | 0 | 0, 0, 0 | 0 | as it should be: 0 calls a run |" in text
    unexplained = fidelity.compare("1.57.0", {"info": {"status": 200}}, {"info": {"status": 404}})
    assert "| 1 | `status: 200 on the real server, 404 here` | info | **none** |" in documents.fidelity(
        when, unexplained
    )

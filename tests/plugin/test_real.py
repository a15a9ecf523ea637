"""gapless_server: any client over TCP, in real time that is kept short, on asyncio, trio or no event loop."""

from __future__ import annotations

import subprocess

import pytest

from tests.forked import command
from tests.plugin.home import furnish, outcome

pytest_plugins = ["pytester"]

QUICK = "scenarios=['quick.toml'], generations=['tree'], cursors=['inclusive']"


@pytest.fixture(autouse=True)
def home(pytester: pytest.Pytester) -> None:
    furnish(pytester)


def write(
    pytester: pytest.Pytester, body: str, marker: str = QUICK, test: str = "def test_mine(gapless_server):"
) -> None:
    """A test of a user's, with their client at hand."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    pytester.makepyfile(
        "import asyncio\nimport pytest\nimport trio\nfrom users_client import Awaits, Waits\n\n"
        f"@pytest.mark.gapless({marker})\n{test}\n{lines}\n"
    )


def test_a_good_asyncio_client_passes_and_the_record_says_what_it_cost(pytester: pytest.Pytester) -> None:
    write(pytester, "record = asyncio.run(gapless_server.drive(Awaits(gapless_server)))\nassert record.rest.calls > 3")
    outcome(pytester.runpytest(), passed=1)
    assert not (pytester.path / ".gapless").exists()


def test_a_good_client_without_async_passes(pytester: pytest.Pytester) -> None:
    write(pytester, "gapless_server.drive_sync(Waits(gapless_server))")
    outcome(pytester.runpytest(), passed=1)


def test_a_client_on_trio_passes_in_an_async_test(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        "await gapless_server.drive(Awaits(gapless_server))",
        test="async def test_mine(gapless_server):",
    )
    outcome(pytester.runpytest("-o", "trio_mode=true"), passed=1)


def test_a_client_passes_in_an_async_test_of_anyio_on_asyncio(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        "await gapless_server.drive(Awaits(gapless_server))",
        marker=f"{QUICK})\n@pytest.mark.anyio\n@pytest.mark.parametrize('anyio_backend', ['asyncio']",
        test="async def test_mine(gapless_server, anyio_backend):",
    )
    outcome(pytester.runpytest(), passed=1)


def test_a_client_that_loses_events_fails_with_violations_timeline_and_a_capsule(pytester: pytest.Pytester) -> None:
    write(pytester, "asyncio.run(gapless_server.drive(Awaits(gapless_server, 'loses')))")
    result = pytester.runpytest()
    outcome(result, failed=1)
    (folder,) = (pytester.path / ".gapless/capsules").iterdir()
    capsule = f".gapless/capsules/{folder.name}/quick.tree.inclusive.Awaits.seed0.realtime.json"
    result.stdout.fnmatch_lines(
        [
            "unsafe: quick, generation tree, cursor inclusive, client Awaits, seed 0",
            "  no-tail-loss: run() returned without 2 events*",
            "timeline, in seconds; -vv shows all of it",
            "*◆ client    run-returned*",
            f"capsule  {capsule}",
            f"story    gapless replay {capsule} --trace",
            "again    pytest 'test_a_client_that_loses_*.py::test_mine?quick-tree-inclusive?'",
        ]
    )
    told = subprocess.run([*command(), "replay", capsule], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    pytest.LineMatcher(told.stdout.splitlines()).fnmatch_lines(
        ["unsafe: quick*", "*to try anew: run the test that kept it"]
    )


def test_a_failure_is_told_without_the_groups_around_it(pytester: pytest.Pytester) -> None:
    body = (
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        nursery.start_soon(trio.sleep_forever)\n"
        "        await gapless_server.drive(Awaits(gapless_server, 'loses'))\n"
        "trio.run(main)"
    )
    write(pytester, body)
    result = pytester.runpytest()
    outcome(result, failed=1)
    assert "unsafe: quick, generation tree, cursor inclusive, client Awaits, seed 0" in result.outlines
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    "call", ["asyncio.run(gapless_server.drive(Awaits({})))", "gapless_server.drive_sync(Waits({}))"]
)
def test_a_crash_is_a_verdict_with_the_line_of_the_client(pytester: pytest.Pytester, call: str) -> None:
    write(pytester, call.format("gapless_server, 'crash'"))
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines(
        [
            "stuck: quick*",
            "  no-hang: attach() crashed: KeyError: 'items'",
            "what the client raised",
            '  File "*users_client.py", line *, in attach',
            "KeyError: 'items'",
        ]
    )


@pytest.mark.parametrize(
    ("changed", "call", "says"),
    [
        ("held = lambda: None", "drive_sync(client)", "held() answered NoneType, and not the events that it holds"),
        ("held = lambda: 'abc'", "drive_sync(client)", "held() answered str, and not the events that it holds"),
        ("held = lambda: [{'kind': 'x'}]", "drive_sync(client)", "held()[0] is neither an id nor an event with one"),
        (
            "bug = ''",
            "drive(client)",
            "attach() is not async; gapless_server.drive_sync(client) is for clients without",
        ),
    ],
)
def test_a_client_of_the_wrong_form_is_told_so(pytester: pytest.Pytester, changed: str, call: str, says: str) -> None:
    driving = f"gapless_server.{call}"
    driving = f"asyncio.run({driving})" if "drive(" in call else driving
    write(pytester, f"client = Waits(gapless_server)\nclient.{changed}\n{driving}")
    result = pytester.runpytest()
    outcome(result, failed=1)
    assert f"no-hang: attach() crashed: TypeError: {says}" in " ".join(result.stdout.str().split())


@pytest.mark.parametrize(
    "call", ["asyncio.run(gapless_server.drive(Awaits({})))", "gapless_server.drive_sync(Waits({}))"]
)
def test_a_hang_is_a_verdict_and_the_client_is_let_go(
    pytester: pytest.Pytester, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gapless.scenarios.plugin.real_time.CLOSE_S_MAX", 0.1)
    write(pytester, call.format("gapless_server, 'hang'"), marker=f"{QUICK}, deadline_s=0.2")
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines(["stuck: quick*", "  no-hang: attach() had not ended 0.2 s after it was called"])


def test_a_client_that_gives_up_in_its_own_way_says_so(pytester: pytest.Pytester) -> None:
    write(pytester, "gapless_server.drive_sync(Waits(gapless_server, 'gives up'))")
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines(["  no-hang: run() gave up: Failed: GaveUp: nobody answered"])
    assert "what the client raised" not in result.stdout.str()


def test_events_may_be_reported_as_they_come(pytester: pytest.Pytester) -> None:
    body = (
        "class Tells(Waits):\n"
        "    told = 0\n"
        "    def _read(self):\n"
        "        super()._read()\n"
        "        for event_id in self._ids[self.told:]:\n"
        "            gapless_server.on_event(event_id)\n"
        "        self.told = len(self._ids)\n"
        "gapless_server.drive_sync(Tells(gapless_server))"
    )
    write(pytester, body)
    outcome(pytester.runpytest(), passed=1)


def test_without_a_word_a_scenario_is_tried_in_its_newest_variant(pytester: pytest.Pytester) -> None:
    write(pytester, "pass", marker="scenarios=['quick.toml', 'R10']")
    result = pytester.runpytest("--collect-only", "-q")
    ids = [line.partition("[")[2] for line in result.outlines if "::" in line]
    assert ids == ["quick-tree-inclusive]", "r10-late-tail-session-inclusive]"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", "the test drove no client, so it proves nothing"),
        ("asyncio.run(gapless_server.drive(object()))", "object has no attach(), send(), run(), close(), held();"),
        ("gapless_server.drive_sync(object())", "object has no attach()"),
        (
            "gapless_server.drive_sync(Waits(gapless_server))\ngapless_server.drive_sync(Waits(gapless_server))",
            "a scenario is there for one client and one drive",
        ),
        (
            "async def main():\n    gapless_server.drive_sync(Waits(gapless_server))\ntrio.run(main)",
            "`await gapless_server.drive(client)` there",
        ),
        ("gapless_server.drive_sync(Awaits(gapless_server))", "Awaits.attach() is async; `await gapless_server.dri"),
        (
            "client = Waits(gapless_server)\nclient.errors = 'x'\ngapless_server.drive_sync(client)",
            "Waits: errors is 'x'; it must be a tuple of exception types",
        ),
    ],
)
def test_a_misuse_fails_with_a_sentence(pytester: pytest.Pytester, body: str, says: str) -> None:
    write(pytester, body)
    result = pytester.runpytest()
    outcome(result, failed=1)
    assert says in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_a_test_that_fails_by_itself_is_told_as_any_other(pytester: pytest.Pytester) -> None:
    write(pytester, "assert 1 == 2")
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines(["E       assert 1 == 2"])


def test_xdist_shares_the_variants_out_and_servers_of_several_processes_do_not_meet(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from users_client import Waits

        @pytest.mark.gapless(scenarios=["quick.toml"], generations="all")
        def test_in_real_time(gapless_server):
            gapless_server.drive_sync(Waits(gapless_server))

        @pytest.mark.gapless(scenarios=["r10-late-tail", "r30-lost-frame"], cursors=["inclusive"])
        def test_in_virtual_time(gapless_run):
            gapless_run("gapless")
        """
    )
    outcome(pytester.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider"), passed=2 + 6)

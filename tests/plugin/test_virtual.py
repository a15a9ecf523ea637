"""gapless_run: a client on trio in virtual time, and what a failed test prints."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.forked import command
from tests.plugin.home import furnish, outcome

pytest_plugins = ["pytester"]

R10 = "scenarios=['R10'], generations=['tree'], cursors=['inclusive']"


@pytest.fixture(autouse=True)
def home(pytester: pytest.Pytester) -> None:
    furnish(pytester)


def test_a_good_client_passes_and_the_record_says_what_it_cost(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from gapless.scenarios.clients.ours import factory

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            record = gapless_run(factory)
            assert record.rest.calls == record.rest.optimum_calls == 3
        """
    )
    outcome(pytester.runpytest(), passed=1)
    assert not (pytester.path / ".gapless").exists()


@pytest.mark.parametrize("on_ci", [False, True])
def test_a_bad_client_fails_with_violations_timeline_capsule_and_commands(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, on_ci: bool
) -> None:
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    monkeypatch.setenv("CI", "true" if on_ci else "")  # pytest trims no line of its summary on a CI machine
    pytester.makepyfile(
        f"""
        import pytest
        from gapless.scenarios.clients.baselines.poll_then_return import factory

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            gapless_run(factory)
        """
    )
    result = pytester.runpytest("--gapless-seed", "3")
    outcome(result, failed=1)
    name = "gapless.scenarios.clients.baselines.poll_then_return"
    (folder,) = (pytester.path / ".gapless/capsules").iterdir()
    assert folder.name.startswith(f"{folder.name.split('.')[0]}.test_mine.")
    capsule = f".gapless/capsules/{folder.name}/r10-late-tail.tree.inclusive.{name}-factory.seed3.json"
    result.stdout.fnmatch_lines(
        [
            f"unsafe: r10-late-tail, generation tree, cursor inclusive, client {name}:*",
            "  no-tail-loss: run() returned without 2 events (ActionEvent*",
            "  no-holes: *",
            "  REST 7 calls (optimum 3, allowed 3), *",
            "timeline, in seconds; -vv shows all of it",
            "*… * more",
            "*✗ fault     fired *late-tail*",
            "*◆ client    run-returned*",
            f"capsule  {capsule}",
            f"replay   gapless replay {capsule} --trace",
            "again    pytest 'test_a_bad_*.py::test_mine?r10-late-tail-tree-inclusive?' --gapless-seed 3",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert len(result.outlines) < 110
    told = [line for line in result.outlines if "no-tail-loss" in line]
    assert len(told) == 1, "a failure is told once"
    replayed = subprocess.run([*command(), "replay", capsule], capture_output=True, text=True, check=False)
    assert replayed.returncode == 1
    assert "the same run as in the capsule, event for event" in replayed.stdout.splitlines()


def test_more_of_the_timeline_is_there_for_who_asks(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            gapless_run("poll-then-return")
        """
    )
    result = pytester.runpytest("-vv")
    assert "timeline, in seconds" in result.outlines
    assert sum(" delivered " in line or " append " in line for line in result.outlines) > 20
    assert not [line for line in result.outlines if line.endswith(" more")]


def test_a_crash_shows_the_line_of_the_client(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from contextlib import asynccontextmanager
        from gapless.scenarios.clients.baselines import socket_only
        from gapless.scenarios.clients.baselines.follower import opened

        class Broken(socket_only.SocketOnly):
            async def run(self):
                return {{}}["no such key"]

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            gapless_run(lambda context: opened(Broken, context))
        """
    )
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines(
        [
            "  no-hang: run() crashed: KeyError: 'no such key'",
            "what the client raised",
            "Traceback (most recent call last):",
            '  File "*test_a_crash_*.py", line *, in run',
            '    return {}?"no such key"?',
            "*",
            "KeyError: 'no such key'",
            "*finds no factory by that name*",
        ]
    )


def test_a_marker_is_a_default_for_its_class_and_the_nearest_word_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.gapless(generations="tree", cursors="inclusive", scenarios=["quick.toml"])

        class TestMine:
            def test_quick(self, gapless_run):
                gapless_run("gapless")

            @pytest.mark.gapless(scenarios=["r10-late-tail"], cursors="all")
            def test_two(self, gapless_run):
                gapless_run("gapless")

            def test_not_ours(self):
                pass
        """
    )
    result = pytester.runpytest("-v")
    outcome(result, passed=4)
    result.stdout.fnmatch_lines(
        [
            "*::test_quick?quick-tree-inclusive? PASSED*",
            "*::test_two?r10-late-tail-tree-inclusive? PASSED*",
            "*::test_two?r10-late-tail-tree-exclusive? PASSED*",
            "*::test_not_ours PASSED*",
        ]
    )


def test_without_a_word_it_is_a_small_set_in_every_variant(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(gapless_run): ...")
    result = pytester.runpytest("--collect-only", "-q")
    ids = [line for line in result.outlines if "::" in line]
    assert len(ids) == 24
    assert {line.partition("[")[2].rpartition("-")[0].rpartition("-")[0] for line in ids} == {
        "clean-run",
        "r10-late-tail",
        "r30-lost-frame",
        "r34-disconnect-in-mid-run",
    }


def test_cost_can_be_told_and_not_judged(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.gapless(scenarios=["R10"], generations=["tree"], cursors=["inclusive"], budget=False)
        def test_mine(gapless_run):
            record = gapless_run("full-rescan")
            assert record.rest.calls > record.rest.optimum_calls
        """
    )
    outcome(pytester.runpytest(), passed=1)


def test_the_command_line_names_other_scenarios(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            gapless_run("gapless")
        """
    )
    result = pytester.runpytest("-v", "--gapless-scenarios", "r30-lost-frame, quick.toml")
    outcome(result, passed=2)
    result.stdout.fnmatch_lines(["*r30-lost-frame-tree-inclusive*", "*quick-tree-inclusive*"])


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("scenarios=['R99']", "no scenario or race is called 'R99'"),
        ("scenarios=['r10-late-tial']", "did you mean 'r10-late-tail'?"),
        ("scenarios=[]", "no scenario is named"),
        ("scenarios=['none.toml']", "none.toml: cannot be read"),
        ("scenarios=[10]", "must be words in a list"),
        ("generations=['tee']", "did you mean 'tree'?"),
        ("generations=[]", "generations is empty"),
        ("cursors='sideways'", "there is no 'sideways'; there are inclusive, exclusive"),
        ("scenarios=['r15-long-initialisation'], generations=['legacy']", "cannot happen in"),
        ("scenario=['R10']", "did you mean 'scenarios'?"),
        ("'R10'", "say scenarios="),
        ("budget='no'", "neither True nor False"),
        ("deadline_s=0", "no number of seconds"),
    ],
)
def test_a_marker_that_makes_no_sense_is_told_in_a_sentence(pytester: pytest.Pytester, marker: str, says: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.gapless({marker})
        def test_mine(gapless_run): ...
        """
    )
    result = pytester.runpytest("--collect-only")
    outcome(result, errors=1)
    assert f"test_mine: {says}" in result.stdout.str() or says in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert len(result.outlines) < 20


def test_a_marker_without_a_fixture_is_told_in_a_sentence(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n\n@pytest.mark.gapless(scenarios=['R10'])\ndef test_mine(): ...")
    result = pytester.runpytest()
    outcome(result, errors=1)
    result.stdout.fnmatch_lines(["*test_mine is marked gapless and asks for neither of its fixtures; give it*"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gapless-scenarios", "R99"], "*--gapless-scenarios: no scenario or race is called 'R99'*"),
        (["--gapless-scenarios", ","], "*--gapless-scenarios: no scenario is named*"),
        (["--gapless-seed", "-1"], "*--gapless-seed: '-1' is no seed*"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error(pytester: pytest.Pytester, words: list[str], says: str) -> None:
    pytester.makepyfile("def test_theirs(): ...")
    result = pytester.runpytest(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", "the test never called gapless_run(factory), so it proves nothing"),
        ("gapless_run('nobody')", "no client is called 'nobody'"),
        ("gapless_run('no.such.module:factory')", "module 'no.such.module' cannot be imported"),
        ("gapless_run(None)", "give a function that takes a ClientContext"),
        ("gapless_run(lambda context: 1)", "which is no async context manager"),
    ],
)
def test_a_misuse_fails_with_a_sentence(pytester: pytest.Pytester, body: str, says: str) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.gapless({R10})\ndef test_mine(gapless_run):\n    {body}\n")
    result = pytester.runpytest()
    outcome(result, failed=1)
    assert says in result.stdout.str()


def test_a_fixture_may_stand_between(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture
        def tried(gapless_run):
            return gapless_run("gapless")

        @pytest.mark.gapless({R10})
        def test_mine(tried, gapless_variant):
            assert (tried.scenario, gapless_variant.generation) == ("r10-late-tail", "tree")
        """
    )
    outcome(pytester.runpytest(), passed=1)


def test_trio_mode_beside_it_is_no_clash_and_an_async_test_is_told_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        import trio

        async def test_theirs(autojump_clock):
            await trio.sleep(60)

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            gapless_run("gapless")

        @pytest.mark.gapless({R10})
        async def test_wrong(gapless_run):
            gapless_run("gapless")
        """
    )
    result = pytester.runpytest("-o", "trio_mode=true")
    outcome(result, passed=2, failed=1)
    result.stdout.fnmatch_lines(["gapless_run starts an event loop of its own; make this test a plain `def`*"])


def test_the_same_seed_is_the_same_run_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run, gapless_variant):
            assert gapless_variant.seed == 5
            assert gapless_run("gapless").digest == gapless_run("gapless").digest
        """
    )
    outcome(pytester.runpytest("--gapless-seed=5"), passed=1)


def test_a_pytest_that_does_not_use_it_imports_nothing_of_ours() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import sys, gapless.scenarios.plugin.fixtures; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = [name for name in found if name.partition(".")[0] == "gapless"]
    assert ours == [
        "gapless",
        "gapless.harness",
        "gapless.scenarios",
        "gapless.scenarios.plugin",
        "gapless.scenarios.plugin.fixtures",
    ]
    assert not {"trio", "httpx", "pydantic", "hypothesis", "hypercorn"} & set(found)


def test_a_command_is_a_client_too_and_what_it_printed_is_shown(pytester: pytest.Pytester) -> None:
    pytester.makefile(
        ".py",
        program="""
        import json, sys
        for line in sys.stdin:
            step = json.loads(line)["step"]
            print("asked", step, file=sys.stderr, flush=True)
            if step == "run":
                raise ValueError("no idea")
            print(json.dumps({"done": step}), flush=True)
        """,
    )
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.mark.gapless(scenarios=["clean-run"], generations=["tree"], cursors=["inclusive"])
        def test_mine(gapless_run):
            gapless_run([sys.executable, "program.py"])
        """
    )
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines(
        [
            "stuck: clean-run, generation tree, cursor inclusive, client program.py, seed 0",
            "*printed by the client",
            "*0.000 s  asked attach",
            "*ValueError: no idea",
            "replay   gapless replay .gapless/*/clean-run.tree.inclusive.program.py.seed0.json --trace --trust",
        ]
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ('["no-such-program"]', "the command 'no-such-program' cannot be started*check its name"),
        ('["true"]', "*'true' loads no shim, and cannot be in virtual time*"),
        ("[]", "*a command is a list of words, its program first"),
    ],
)
def test_a_command_that_cannot_be_run_is_a_sentence(pytester: pytest.Pytester, words: str, says: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.gapless({R10})
        def test_mine(gapless_run):
            gapless_run({words})
        """
    )
    result = pytester.runpytest()
    outcome(result, failed=1)
    result.stdout.fnmatch_lines([says])

"""The pytest plugin: put your own client through scenarios in your own tests.

``gapless_run`` is for a client on trio, in virtual time. ``gapless_server`` is for any other client, over TCP in real
time. A test that uses one of them is run once for each variant (scenario, generation, cursor mode) of its marker::

    @pytest.mark.gapless(scenarios=["R10", "r34-disconnect-in-mid-run"], generations=["tree"])
    def test_my_client(gapless_run):
        gapless_run(my_package.factory)

pytest imports this file in every environment that has gapless. So it imports other modules of gapless only inside
functions, when a test uses a fixture.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from gapless.harness import missing

if TYPE_CHECKING:
    from gapless.scenarios.plugin.fixture_use import Use
    from gapless.scenarios.plugin.real_time import GaplessServer
    from gapless.scenarios.plugin.variants import Variant
    from gapless.scenarios.plugin.virtual_time import GaplessRun

FIXTURES = ("gapless_run", "gapless_server")
_VARIANT = "gapless_variant"
_MARKER = """\
gapless(scenarios, generations, cursors, judge, no_judge, budget=True, deadline_s): the variants that a test with \
gapless_run or gapless_server is run for. scenarios: names, race ids or paths of TOML files; generations, cursors: \
words, or "all"; judge, no_judge: groups (safety, liveness, budget) and oracles that judge, or do not; \
budget=False: as no_judge="budget"; deadline_s: for each step."""
_uses = pytest.StashKey["list[Use]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gapless", "gapless: clients put through scenarios")
    group.addoption(
        "--gapless-scenarios",
        metavar="NAME,…",
        help="Scenarios (names, race ids, paths of TOML files) in place of those that markers name.",
    )
    group.addoption(
        "--gapless-seed", metavar="N", type=_seed, default=0, help="Seed of every choice in a run. [default: 0]"
    )


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number from 0 on")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and check the scenarios of the command line. Raises UsageError."""
    config.addinivalue_line("markers", _MARKER)
    named = config.getoption("--gapless-scenarios")
    if named is not None:
        problem = missing()
        if problem is not None:
            raise pytest.UsageError(f"--gapless-scenarios: {problem}")
        from gapless.scenarios.errors import UsageError
        from gapless.scenarios.plugin.variants import scenarios_of_option

        try:
            scenarios_of_option(named, config.invocation_params.dir)
        except UsageError as error:
            raise pytest.UsageError(f"--gapless-scenarios: {error}") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the test once for each variant. An invalid marker is a collection error of its file."""
    if _VARIANT not in metafunc.fixturenames:
        if any(mark.name == "gapless" for mark in metafunc.definition.own_markers):
            raise pytest.Collector.CollectError(
                f"{metafunc.definition.name} is marked gapless and asks for neither of its fixtures; "
                f"give it an argument {' or '.join(FIXTURES)}"
            )
        return
    problem = missing()
    if problem is not None:
        raise pytest.Collector.CollectError(f"{metafunc.definition.name}: {problem}")
    from gapless.scenarios.errors import UsageError
    from gapless.scenarios.plugin.variants import variants

    try:
        found = variants(
            tuple(metafunc.definition.iter_markers("gapless")),
            named=metafunc.config.getoption("--gapless-scenarios"),
            named_in=metafunc.config.invocation_params.dir,
            marked_in=metafunc.definition.path.parent,
            seed=metafunc.config.getoption("--gapless-seed"),
            every="gapless_run" in metafunc.fixturenames,
        )
    except UsageError as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.name}: {error}") from error
    metafunc.parametrize(_VARIANT, found, ids=[str(one) for one in found], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test that passes without having used its fixture. Raise a failure without the exception groups around it.

    Task groups in the test or in its client put these groups around what is raised in them.
    """
    try:
        result = yield
    except BaseExceptionGroup as group:
        if _uses not in pyfuncitem.stash:
            raise
        from gapless.scenarios.plugin.failure_text import failure_in

        failure = failure_in(group)
        if failure is None:
            raise
        raise failure from None
    for use in pyfuncitem.stash.get(_uses, ()):
        use.check_used()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shorten a failure to its first line where pytest prints one line: in its short summary and in JUnit XML.

    With -vv, and always on a CI machine, pytest would print the whole message there again.
    """
    report = yield
    if _uses in item.stash and call.excinfo is not None and call.excinfo.errisinstance(pytest.fail.Exception):
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            crash.message = crash.message.partition("\n")[0]
    return report


@pytest.fixture
def gapless_variant(request: pytest.FixtureRequest) -> Variant:
    """The scenario, generation, cursor mode and seed that the test is run for."""
    variant: Variant | None = getattr(request, "param", None)
    if variant is None:
        pytest.fail("gapless fixtures must be arguments, of the test or of a fixture that it names", pytrace=False)
    return variant


@pytest.fixture
def gapless_run(request: pytest.FixtureRequest, gapless_variant: Variant) -> GaplessRun:
    """Put a client on trio through the scenario, in virtual time: ``gapless_run(factory)``."""
    from gapless.scenarios.plugin.fixture_use import CapsulePlace
    from gapless.scenarios.plugin.virtual_time import GaplessRun

    run = GaplessRun(gapless_variant, CapsulePlace.of(request))
    _register_use(request, run)
    return run


@pytest.fixture
def gapless_server(request: pytest.FixtureRequest, gapless_variant: Variant) -> Iterator[GaplessServer]:
    """The scenario on a real port, for any client: ``await gapless_server.drive(client)``, or ``drive_sync``."""
    from gapless.scenarios.plugin.fixture_use import CapsulePlace
    from gapless.scenarios.plugin.real_time import GaplessServer

    with GaplessServer(gapless_variant, CapsulePlace.of(request)) as server:
        _register_use(request, server)
        yield server


def _register_use(request: pytest.FixtureRequest, use: Use) -> None:
    item: pytest.Item = request.node
    item.stash.setdefault(_uses, []).append(use)

"""The runs for a comparison of several clients: the same scenarios, as they are or with another length of history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.runner import RunRequest, wanted_variants
from gapless.scenarios.running.suite import Unit

Commands = Mapping[str, tuple[str, ...]]  # by what each client is called
NO_COMMANDS: Final[Commands] = MappingProxyType({})
# With more history, a client that rereads it takes minutes a scenario. Such scenarios are run only when given by name.
HISTORY_UNNAMED_MAX = 10_000
LONG_ATTACH = "cost-attach-long"
PAGE_EVENTS = 100
SWEEP_SCENARIO = "clean-run"
SWEEP_EVENTS = (100, 1_000, 10_000, 60_000)
# The sweep that a report adds to its runs takes a second or two.
SHORT_SWEEP_EVENTS = (100, 1_000, 10_000)
SHORT_SWEEP_REFERENCE = "full-rescan"
SHORT_SWEEP_VARIANT = ("tree", "inclusive")
_CALLS_PER_PAGE_MAX = 10


def with_history(scenario: Scenario, history_events: int) -> Scenario:
    """The scenario with another length of history.

    ``calls_max`` grows with the history, so that rereading it does not count as a busy loop. Beyond a page, what the
    catalogue allows for an attach to a long conversation is allowed here too. Raises UsageError for a
    scenario whose history is a recording.
    """
    if scenario.workload.recording is not None:
        raise UsageError(f"{scenario.name} replays a recording, whose history is as long as it is")
    pages = history_events // PAGE_EVENTS
    budget = scenario.budget
    if history_events > PAGE_EVENTS >= scenario.workload.history_events:
        longer = tuple(one for one in find_one(LONG_ATTACH).budget.allowances if one not in budget.allowances)
        budget = budget.model_copy(update={"allowances": (*budget.allowances, *longer)})
    return scenario.model_copy(
        update={
            "budget": budget,
            "workload": scenario.workload.model_copy(update={"history_events": history_events}),
            "expect": scenario.expect.model_copy(
                update={"calls_max": scenario.expect.calls_max + _CALLS_PER_PAGE_MAX * pages}
            ),
        }
    )


def stretched(scenarios: Sequence[Scenario], history_events: int | None) -> tuple[Scenario, ...]:
    """The scenarios with ``history_events`` of history, without those that replay a recording; unchanged for None."""
    if history_events is None:
        return tuple(scenarios)
    return tuple(with_history(one, history_events) for one in scenarios if one.workload.recording is None)


def units(
    scenarios: Sequence[Scenario],
    clients: Sequence[str],
    *,
    seed: int,
    generations: Sequence[str],
    cursors: Sequence[str],
    commands: Commands = NO_COMMANDS,
    server: str = "",
) -> Iterator[Unit]:
    """One unit for each client in each wanted variant, scenario by scenario.

    ``commands``: of the clients that are commands, by their names. ``server``: a published one, if any.
    """
    for scenario in scenarios:
        for client in clients:
            for generation, cursor in wanted_variants(scenario, generations, cursors, server):
                command = commands.get(client, ())
                yield Unit(RunRequest(scenario, generation, cursor, client, seed, command=command, server=server))


def sweep_units(
    client: str,
    seed: int,
    command: tuple[str, ...] = (),
    variant: tuple[str, str] = SHORT_SWEEP_VARIANT,
) -> tuple[Unit, ...]:
    """A short sweep for a report: a clean run at growing lengths of history. The client performs it, and for reference
    so does a client that rereads everything.
    """
    scenario, (generation, cursor) = find_one(SWEEP_SCENARIO), variant
    return tuple(
        Unit(
            RunRequest(
                with_history(scenario, length),
                generation,
                cursor,
                name,
                seed,
                command=command if name == client else (),
            )
        )
        for name in dict.fromkeys((client, SHORT_SWEEP_REFERENCE))
        for length in SHORT_SWEEP_EVENTS
    )

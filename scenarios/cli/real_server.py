"""``--server``: a published server on the command line, and which of the wanted scenarios it can play.

What a published server needs is imported where one is chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

from gapless.scenarios.cli.options import ALL
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError


def given_server(text: str | None) -> str:
    """The server that is named; an empty text without one. Raises UsageError."""
    if text is None:
        return ""
    from gapless.scenarios.realserver.environment import parse_server

    return str(parse_server(text))


def make_ready(server: str) -> None:
    """See to it that the environment of the server is there, if there is a server. Raises UsageError."""
    if not server:
        return
    from gapless.scenarios.realserver.environment import parse_server
    from gapless.scenarios.realserver.warm_up import prepare

    published = parse_server(server)
    if not published.is_ready:
        click.echo(f"building the environment of {published} in {published.directory}", err=True)
    prepare(published)


def check_variant(server: str, generation: str, cursor: str) -> None:
    """Raise UsageError when a server is asked for in a generation or cursor mode that is not among its own."""
    if not server:
        return
    from gapless.scenarios.realserver.environment import parse_server
    from gapless.scenarios.realserver.playable import variants_of

    own = variants_of(parse_server(server))
    for option, asked, index in (("--generation", generation, 0), ("--cursor", cursor, 1)):
        values = tuple(dict.fromkeys(variant[index] for variant in own))
        if asked not in (ALL, *values):
            raise UsageError(f"{option} {asked}: {server} is {' or '.join(values)}; leave the option out")


def playable(scenarios: Sequence[Scenario], server: str, named: Collection[str]) -> tuple[Scenario, ...]:
    """The scenarios that the server can play; all of them without a server.

    The others are told on standard error, each with the reason. Raises UsageError for one that was asked for by its own
    name (``named``), and when none is left.
    """
    if not server:
        return tuple(scenarios)
    from gapless.scenarios.realserver.environment import parse_server
    from gapless.scenarios.realserver.playable import why_not

    published = parse_server(server)
    reasons = {scenario.name: why_not(scenario, published) for scenario in scenarios}
    for name, reason in reasons.items():
        if reason is not None and name in named:
            raise UsageError(f"{name} cannot be played on {server}: {reason}")
    possible = tuple(scenario for scenario in scenarios if reasons[scenario.name] is None)
    if not possible:
        name, reason = next(iter(reasons.items()))
        raise UsageError(f"nothing can be played on {server}: {name} cannot, for {reason}")
    for name, reason in reasons.items():
        if reason is not None:
            click.echo(f"left out: {name}: {reason}", err=True)
    return possible

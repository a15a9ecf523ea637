"""``gapless proxy``: the faults, the journal, the page and the verdicts in front of a real server."""

from __future__ import annotations

from pathlib import Path

import click

from gapless.scenarios.cli.commands.serve import DEFAULT_PORT, serve_session
from gapless.scenarios.cli.options import plain_errors, seed_option
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import GENERATIONS, Scenario, Workload
from gapless.scenarios.serving.forwarding import check_faults, check_upstream
from gapless.scenarios.serving.scenario_choice import all_named, request_for
from gapless.scenarios.serving.session_server import SessionServer

DEFAULT_SCENARIO = "clean-run"


@click.command("proxy")
@click.argument("name", default=DEFAULT_SCENARIO)
@click.option("--to", required=True, metavar="URL", help="The server: http://HOST:PORT on this machine.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--generation", type=click.Choice(GENERATIONS), help="Server generation.  [default: the newest possible]")
@seed_option
@plain_errors
def proxy(name: str, to: str, port: int, generation: str | None, seed: int) -> None:
    """Put the faults of a scenario in front of a server of your own; any client may come.

    NAME is a scenario's name, a race id, or the path of a TOML file. Its faults act on what passes: calls, sockets and
    frames. Its workload does not, because the server has its own. A fault that only a server can do is refused. The
    page at /sim/ shows the run and adds faults. REST is counted; the log is read from the server when the client is
    judged.

    Exit codes: 0 ended by SIGTERM, 2 usage, or a port that is taken, 130 ended by Ctrl-C; the verdict has none.
    """
    upstream = check_upstream(to)
    (scenario,) = (load_file(Path(name)),) if name.endswith(".toml") else all_named((name,))
    check_faults(scenario.faults)
    request = request_for(_in_front(scenario), generation, None, seed=seed)
    serve_session(SessionServer(request, to=upstream), port, "127.0.0.1")


def _in_front(scenario: Scenario) -> Scenario:
    """The scenario without what its simulated server would do."""
    return scenario.model_copy(update={"workload": Workload(runs=())})

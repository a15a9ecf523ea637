"""``gapless serve``: a scenario on a real port, for clients in any language."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import trio

from gapless.reports.many_runs.table import size
from gapless.reports.records.record import Verdict
from gapless.scenarios.cli.options import plain_errors, seed_option
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS
from gapless.scenarios.errors import UsageError
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.running.script_player import leaves
from gapless.scenarios.serving.access import is_loopback
from gapless.scenarios.serving.scenario_choice import all_named, request_for
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.session_server import SessionServer
from gapless.scenarios.serving.verdict_so_far import so_far

DEFAULT_PORT = 8765
READ_S_MAX = 20.0  # for reading the log of a real server at the end
DEFAULT_SCENARIO = "clean-run"


@click.command("serve")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--generation", type=click.Choice(GENERATIONS), help="Server generation.  [default: the newest possible]")
@click.option("--cursor", type=click.Choice(CURSORS), help="How page cursors work.  [default: inclusive, if possible]")
@click.option("--api-key", metavar="KEY", help="Ask clients for this key.")
@click.option("--stepwise", is_flag=True, help="The agent waits before each step; /sim/ lets it go on.")
@seed_option
@click.option(
    "--scenario-file", "files", multiple=True, type=click.Path(path_type=Path), help="A scenario of your own (TOML)."
)
@plain_errors
def serve(
    names: tuple[str, ...],
    port: int,
    host: str,
    generation: str | None,
    cursor: str | None,
    api_key: str | None,
    stepwise: bool,
    seed: int,
    files: tuple[Path, ...],
) -> None:
    """Serve a scenario, faults and all, on a real port in real time; any client may come.

    NAME is a scenario's name, a race id, or the path of a TOML file; the first is served, the page at /sim/ can start
    each of them. Without any it is clean-run. The world's clock starts with the first connection. Ctrl-C ends it and
    shows the verdict.

    Exit codes: 0 ended by SIGTERM, 2 usage, or a port that is taken, 130 ended by Ctrl-C; the verdict has none.
    """
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key == api_key.strip() != ""):
        raise UsageError(f"--api-key {api_key!r} can be in no header; give printable ASCII, or leave the option out")
    offered = (*(load_file(path) for path in files), *all_named(names))
    offered = offered or all_named((DEFAULT_SCENARIO,))
    request = request_for(offered[0], generation, cursor, seed=seed, api_key=api_key)
    serve_session(SessionServer(request, offered=offered, api_key=api_key, stepwise=stepwise), port, host)


def serve_session(session_server: SessionServer, port: int, host: str) -> None:
    """Serve until a signal comes, show the verdict, and exit. Raises UsageError when the port cannot be had."""
    try:
        by = trio.run(_serve, session_server, port, host)
    except BaseExceptionGroup as group:
        raise _usage_error(leaves(group)[0], host, port) from group
    except OSError as error:
        raise _usage_error(error, host, port) from error
    for line in _summary_lines(session_server.session):
        click.echo(line)
    sys.exit(INTERRUPTED_EXIT_CODE if by == signal.SIGINT else Verdict.HOLDS.exit_code)


async def _serve(session_server: SessionServer, port: int, host: str) -> int:
    """Serve until a signal comes; return its number."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(_listening, session_server, port, host)
            for line in _address_lines(session_server, host):
                click.echo(line)
            number: int = await anext(aiter(signals))
            with trio.move_on_after(READ_S_MAX):
                await session_server.session.read_log()
            nursery.cancel_scope.cancel()
    return number


async def _listening(
    session_server: SessionServer, port: int, host: str, *, task_status: trio.TaskStatus[None]
) -> None:
    await session_server.serve(port, host=host, task_status=task_status)


def _usage_error(error: BaseException, host: str, port: int) -> BaseException:
    if not isinstance(error, OSError):
        return error
    is_address = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
    cure = "--host must be an address of this machine" if is_address else "give another --port, 0 for any free one"
    return UsageError(f"cannot listen on {host!r} port {port} ({error.strerror or error}); {cure}")


def _address_lines(session_server: SessionServer, host: str) -> Iterator[str]:
    request, world = session_server.session.request, session_server.session.world
    if not is_loopback(host):
        yield f"warning: {host} can be reached from other machines, and whoever reaches it can steer it; mean it"
    upstream = session_server.session.upstream
    yield f"gapless {'serve' if upstream is None else 'proxy'}: {title(request)}"
    yield f"  url              {session_server.url}"
    if upstream is None:
        yield f"  conversation id  {world.conversation_id}"
        yield f"  api key          {world.api_key or 'none'}"
    else:
        yield f"  in front of      {upstream.url}"
    yield f"  control          {session_server.url}/sim/"


def title(request: RunRequest) -> str:
    """A request in one line."""
    return f"{request.scenario.name}, generation {request.generation}, cursor {request.cursor}"


def _summary_lines(session: Session) -> Iterator[str]:
    yield ""
    if not len(session.world.journal):
        yield f"{title(session.request)}: no client came"
        return
    found = so_far(session)
    yield f"{found.verdict} so far: {title(session.request)}, {found.t_s:.1f} s"
    for violation in found.violations:
        yield f"  {violation.oracle}: {violation.message}"
    for message in found.pending:
        yield f"  open: {message}"
    yield f"  REST {found.rest.calls} calls (optimum {found.rest.optimum_calls}), {size(found.rest.bytes)}"
    yield f"  never sent to the client: {len(found.unreached)} of {found.log_length} events"
    for fault in found.faults:
        yield f"  fault {fault.name} fired {fault.fired}×"
    if session.failure:
        yield f"  the simulated world broke down: {session.failure}"

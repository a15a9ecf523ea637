"""What was measured, as Markdown: `docs/interop.md` and `docs/fidelity.md`. Pure: records in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.interop.expectations import EXPECTED, Expected
from tests.interop.fidelity import Fidelity
from tests.interop.sdk_table import Row
from tests.interop.server_table import ServerRow

COMMAND = "make interop"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and with what. day: ISO date; python: of the published packages; gapless: our own version."""

    day: str
    python: str
    gapless: str

    def sentence(self, what: str) -> str:
        """What was measured, when, and how to measure it again."""
        return (
            f"Measured on {self.day} with gapless {self.gapless} and {what} on Python {self.python}, on loopback. "
            f"`{COMMAND}` measures it again and writes this file. Calls and events are the same each time. Seconds and "
            "status polls depend on the machine."
        )


def interop(
    when: Circumstances, sdk: Mapping[str, Sequence[Row]], server_release: str, server: Sequence[ServerRow]
) -> str:
    """Both tables."""
    releases = " and ".join(sdk)
    parts = [
        "# Interop: the published packages at both ends",
        when.sentence(f"openhands-sdk {releases}, openhands-agent-server {server_release}"),
        "## The published SDK as a client",
        _SDK,
        _table(_SDK_HEAD, (_sdk_cells(row) for rows in sdk.values() for row in rows)),
        "### What was expected, and why",
        _EXPECTED,
        _table(
            ("release", "scenario", "lost", "reads", "returns", "because"),
            (_expected_cells(release, one) for release in sdk for one in EXPECTED[release]),
        ),
        f"## The published server as a peer: agent-server {server_release}",
        _SERVER,
        _table(_SERVER_HEAD, (_server_cells(row) for row in server)),
        _BY_HAND,
    ]
    return "\n\n".join(parts) + "\n"


def fidelity(when: Circumstances, measured: Fidelity) -> str:
    """The table of differences, those with one reason together."""
    unexplained = sum(one.reason is None for one in measured.differences)
    parts = [
        "# Fidelity: the simulated server beside the published one",
        when.sentence(f"openhands-agent-server {measured.release}"),
        _FIDELITY,
        f"{measured.steps} steps, {measured.fields:,} values in the real server's answers; {len(measured.differences)} "
        f"places where the simulated server's answer is different, {unexplained} of them without a reason.",
        _table(
            ("places", "for example", "first seen in", "reason"),
            _fidelity_cells(measured),
        ),
    ]
    return "\n\n".join(parts) + "\n"


_SDK_HEAD = (
    *("release", "server", "scenario", "lost events", "calls", "of them polls", "optimum", "calls/optimum"),
    "seconds to return",
)
_SERVER_HEAD = ("socket", "part", "events in the log", "calls to attach", "calls a run", "status polls", "outcome")

_SDK = """The real `Conversation(…)`, unmodified, runs against a simulated server on a real port, in real time. It
is constructed, sends and runs several times, is closed, and is attached again. The scenarios are in
`tests/interop/scenarios/`: races of the catalog, made short enough for real time.

- *Lost events*: those that `run()` returned without.
- *Calls*: reads of the log and polls of the status, the attach included.
- *Optimum*: the fewest calls with which any client could have known and repaired what this one missed,
  given what the server's generation offers. It is 0 where the socket brings all of it.
- *Seconds to return*: from the run's end to the return of `run()`. If negative, it returned during the run.

1.11.0 understands only servers without a tree. The last of its rows is a server with one."""

_EXPECTED = """These outcomes were derived from the code of each release before it was measured. `make interop` fails if
the outcome is different. *Reads*: calls without status polls."""

_SERVER = """The sync client of gapless connects over TCP, through a proxy that counts what passes and can cut
connections. The server uses a scripted model on loopback. After each run, the events held are compared
with the server's log, read page by page: complete, in order, each event delivered once. In `tree` the
client has to prove the branch, in `session` the whole log. Calls are reads of the log. Status polls are
spent only while the server is down."""

_BY_HAND = """## By hand

    gapless check r10-late-tail -- .venv-interop-1.57.0/bin/python scenarios/examples/openhands_sdk.py

puts one release through a scenario of the catalog, judges it, and keeps a capsule if it fails. `make interop` has
built its environment. `gapless examples` says where an installed gapless keeps that program."""

_FIDELITY = """One script of requests and socket sessions (`tests/interop/script.py`) is played to both servers: the
whole life of a conversation, every way to search and to subscribe, bad input, wrong keys, deletion. The
simulated agent does what the real one did. Then the transcripts are compared field by field, with ids as
ordinals of the log, and without times and free texts. Frames of live sockets are compared by event, not
by their order, because several threads of the real server publish at once. A difference without a reason
fails `make interop`, and so does a reason without a difference."""


def _expected_cells(release: str, one: Expected) -> tuple[str, ...]:
    where = f"{one.scenario}, {one.generation}" if one.generation else one.scenario
    return release, where, str(one.lost), str(one.reads), one.returns, one.because


def _sdk_cells(row: Row) -> tuple[str, ...]:
    ratio = f"{row.calls / row.optimum:.1f}" if row.optimum else "–"
    returned = "never" if row.return_s is None else f"{row.return_s:.1f}"
    numbers = (row.lost, row.calls, row.polls, row.optimum)
    return (row.release, row.generation, row.scenario, *(str(number) for number in numbers), ratio, returned)


def _server_cells(row: ServerRow) -> tuple[str, ...]:
    runs = ", ".join(str(calls) for calls in row.run_calls)
    outcome = "; ".join(row.wrong) if row.wrong else f"as it should be: {row.expected}"
    return (row.generation, row.part, str(row.events), str(row.attach_calls), runs, str(row.polls), outcome)


def _fidelity_cells(measured: Fidelity) -> Iterable[tuple[str, ...]]:
    for reason in dict.fromkeys(one.reason for one in measured.differences):
        alike = [one for one in measured.differences if one.reason is reason]
        example = f"`{alike[0].what[:90]}`"
        yield str(len(alike)), example, alike[0].steps[0], "**none**" if reason is None else reason.why


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

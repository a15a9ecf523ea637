"""What was found, as a section of `docs/fidelity.md`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tests.likeness.comparison import LikenessCell, Seen
from tests.likeness.reasons import is_same, reason_of

HEADING: Final = "## Race by race"
_ABOUT: Final = """\
Each scenario of the catalog that a published server can be put through is played on the simulated server and on the
published one, in the same virtual time, with the same faults on the same link, by the clients that the table names.
Compared are the verdict, the oracles that found something, and which events of the runs reached the application, in
which order. Statistics of the model's use are left out: the simulated agent has no model."""


def replaced(document: str, section: str) -> str:
    """The document with this section, in place of the one that it has."""
    before = document.partition(f"\n{HEADING}\n")[0].rstrip("\n")
    return f"{before}\n\n{section.rstrip()}\n"


def kept(new: str, old: str) -> str:
    """A document written anew, with the section that the old one had."""
    _, found, rest = old.partition(f"\n{HEADING}\n")
    return replaced(new, f"{HEADING}\n{rest}") if found else new


def written(
    cells: Sequence[LikenessCell],
    left_out: Mapping[str, str],
    when: str,
    not_measured: Sequence[str] = (),
    stale: int = 0,
) -> str:
    """The section.

    ``left_out``: the scenarios that the servers cannot play, with the reason; ``not_measured``: those that they could
    play, and that no run was made of yet; ``stale``: how many cells were measured before something changed that their
    runs on the published server depend on.
    """
    servers = " and ".join(dict.fromkeys(cell.server for cell in cells))
    different = [cell for cell in cells if not is_same(cell)]
    without = [cell for cell in different if reason_of(cell) is None]
    scenarios = dict.fromkeys(cell.scenario for cell in cells)
    columns = list(dict.fromkeys((cell.client, cell.server) for cell in cells))
    clients = dict.fromkeys(client for client, _ in columns)
    parts = [
        HEADING,
        _ABOUT,
        f"{when}, with {servers}: {len(cells)} pairs of runs, {len(scenarios)} scenarios, {len(clients)} clients. "
        f"{len(cells) - len(different)} are the same; {len(different) - len(without)} differ for a reason, and "
        f"{len(without)} without one. {_age(cells, stale)} `python -m tests.likeness` measures it again.",
        _table(["scenario", *map(_title, columns)], [_row(name, columns, cells) for name in scenarios]),
        "`=`: the same verdict, the same deliveries, in the same order. An empty cell: not measured yet. A letter: "
        "they differ, for this reason:",
        "\n".join(f"- {letter}: {text} ({times})" for text, (letter, times) in _letters(different).items()) or "- none",
    ]
    if without:
        rows = [
            [cell.scenario, _title((cell.client, cell.server)), _seen(cell.simulated), _seen(cell.published)]
            for cell in without
        ]
        parts += ["Without a reason (`?`):", _table(["scenario", "client", "simulated", "published"], rows)]
    if not_measured:
        parts.append(f"Not measured yet: {', '.join(not_measured)}.")
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        reasons.setdefault(reason, []).append(name)
    rows = [[reason, ", ".join(names)] for reason, names in reasons.items()]
    parts += ["What a published server cannot be put through:", _table(["because", "scenarios"], rows)]
    return "\n\n".join(parts) + "\n"


def _age(cells: Sequence[LikenessCell], stale: int) -> str:
    commits = Counter(cell.commit for cell in cells if cell.commit)
    at = ", ".join(f"`{commit}` ({times})" for commit, times in sorted(commits.items()))
    said = f"Measured at the commits {at}." if at else ""
    if not stale:
        return f"{said} Nothing that a run on a published server depends on has changed since."
    return f"{said} {stale} of the pairs were measured before something changed that their runs depend on."


def _letters(different: Sequence[LikenessCell]) -> dict[str, tuple[str, int]]:
    counts = Counter(reason for cell in different if (reason := reason_of(cell)) is not None)
    return {text: (chr(ord("a") + number), counts[text]) for number, text in enumerate(sorted(counts))}


def _title(column: tuple[str, str]) -> str:
    """A client and the version of the server."""
    client, server = column
    return f"{client}, {server.partition('==')[2]}"


def _row(name: str, columns: Sequence[tuple[str, str]], cells: Sequence[LikenessCell]) -> list[str]:
    letters = _letters([cell for cell in cells if not is_same(cell)])
    marks = []
    for column in columns:
        cell = next((one for one in cells if one.scenario == name and (one.client, one.server) == column), None)
        if cell is None:
            marks.append("")
        elif is_same(cell):
            marks.append(f"= {cell.simulated.verdict}")
        else:
            reason = reason_of(cell)
            verdict = cell.published.verdict if cell.published is not None else "broke"
            marks.append(f"{'?' if reason is None else letters[reason][0]} {verdict}")
    return [name, *marks]


def _seen(seen: Seen | None) -> str:
    if seen is None:
        return "no run"
    by = f" ({', '.join(seen.oracles)})" if seen.oracles else ""
    return f"{seen.verdict}{by}, {len(seen.delivered)} delivered, {seen.lost} lost"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)

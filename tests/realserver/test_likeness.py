"""What counts as a difference between both servers, which of them have a reason, and how they are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.world_setup import server_settings
from tests.likeness.basis import HARNESS, basis_of, factory, reached
from tests.likeness.comparison import LikenessCell, Seen, as_release
from tests.likeness.reasons import is_same, reason_of
from tests.likeness.section import HEADING, kept, replaced, written

SEEN = Seen("holds", (), ("last_user_message_id", "Message", "running", "Action", "finished"), 0, 0)
CELL = LikenessCell("r10-late-tail", "gapless", "openhands-agent-server==1.58.2", SEEN, SEEN)


def _seen(delivered: str, oracles: str = "", lost: int = 0) -> Seen:
    """What was delivered, in order, and which oracles found something."""
    found = tuple(oracles.split())
    verdict = "holds" if not found else "over-budget" if found == ("budget",) else "unsafe"
    return Seen(verdict, found, tuple(delivered.split()), lost, 0)


def _with(**changes: object) -> LikenessCell:
    return replace(CELL, published=replace(SEEN, **changes))  # type: ignore[arg-type]


def test_the_same_verdict_and_the_same_order_is_no_difference() -> None:
    assert is_same(CELL)
    assert not is_same(_with(verdict="unsafe"))
    assert not is_same(_with(delivered=SEEN.delivered[::-1]))
    assert not is_same(replace(CELL, published=None))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delivered": ("Message", "last_user_message_id", "running", "Action", "finished")}, "servers since 1.58"),
        ({"delivered": ("Message", "last_user_message_id", "running", "Action", "finished", "error")}, "statistics"),
    ],
)
def test_a_known_difference_has_a_reason(changes: dict[str, object], words: str) -> None:
    reason = reason_of(_with(**changes))
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "unsafe", "oracles": ("no-holes",)},
        {"delivered": ("last_user_message_id", "Message", "running", "finished")},
        {"delivered": ("last_user_message_id", "Message", "Action", "running", "finished")},
    ],
)
def test_any_other_difference_has_none(changes: dict[str, object]) -> None:
    assert reason_of(_with(**changes)) is None


@pytest.mark.parametrize(
    ("scenario", "changes", "words"),
    [
        (
            "r51-unknown-cursor-without-a-socket",
            {"verdict": "over-budget", "oracles": ("budget",), "calls": 1},
            "pages",
        ),
        ("r77-suspended-between-runs", {"verdict": "vacuous", "oracles": ("vacuity",)}, "pings each socket"),
        ("r17-run-beyond-the-time-out", {"verdict": "over-budget", "oracles": ("budget",), "calls": 9}, "tool runs"),
        ("r79-two-writers", {"delivered": (*SEEN.delivered, "Pause")}, "between two steps"),
        ("cost-one-hole", {"delivered": SEEN.delivered[::-1]}, "counts frames"),
    ],
)
def test_a_difference_of_one_scenario_has_its_reason(scenario: str, changes: dict[str, object], words: str) -> None:
    reason = reason_of(replace(_with(**changes), scenario=scenario))
    assert reason is not None
    assert words in reason
    assert reason_of(_with(**changes)) is None, "in another scenario it has none"


@pytest.mark.parametrize(
    ("scenario", "ours", "theirs"),
    [
        # what was lost comes earlier
        ("r71-html", _seen("Action Action Observation Observation"), _seen("Action Observation Action Observation")),
        # the last status is lost, and its place is a hole
        ("r20-lost-last-update", _seen("Action", "budget no-tail-loss"), _seen("Action", "no-holes no-tail-loss")),
        # the hole is another one: it can be filled, and that costs
        ("r57-short-pages-beyond-the-bound", _seen("Action", lost=9), _seen("Action Action", "budget")),
        # the hole stays, and statistics are in it
        ("r51-no-cursor-known", _seen("Action", lost=2), _seen("Message Action", lost=1)),
    ],
)
def test_what_statistics_change_has_its_reason_and_the_other_way_round_has_none(
    scenario: str, ours: Seen, theirs: Seen
) -> None:
    cell = replace(CELL, scenario=scenario, simulated=ours, published=theirs)
    reason = reason_of(cell)
    assert reason is not None
    assert "statistics" in reason
    assert reason_of(replace(cell, simulated=theirs, published=ours)) is None


def test_the_simulated_server_behaves_as_the_release_beside_it() -> None:
    newest = as_release(find_one("r10-late-tail"), "1.58.2")
    assert newest.server.version == "1.58.2"
    assert server_settings(newest, "session", "inclusive").version == "1.58.2"
    older = server_settings(newest, "tree", "inclusive")
    assert (older.version, older.is_newest) == ("1.43.1", True)
    assert as_release(find_one("r10-late-tail"), "1.57.0") == find_one("r10-late-tail")


def test_two_servers_have_a_column_each() -> None:
    older = replace(CELL, server="openhands-agent-server==1.57.0")
    text = written([CELL, older], {}, "Measured on a day")
    assert "| scenario | gapless, 1.58.2 | gapless, 1.57.0 |" in text
    assert "| r10-late-tail | = holds | = holds |" in text


def test_a_cell_is_measured_again_when_its_client_or_its_scenario_changes_and_not_when_another_does() -> None:
    server = "openhands-agent-server==1.58.2"
    ours, other = (reached((*HARNESS, factory(name))) for name in ("gapless", "socket-only"))
    assert {"gapless.syncclient.core.core", "gapless.scenarios.realserver.world"} <= ours.keys()
    assert "gapless.syncclient.core.core" not in other
    assert "gapless.simserver.conversation.agent" not in ours, "a published server has its own"
    bases = {
        basis_of(name, client, server) for name in ("clean-run", "api-key") for client in ("gapless", "socket-only")
    }
    assert len(bases) == 4
    assert basis_of("clean-run", "gapless", "openhands-agent-server==1.57.0") not in bases


def test_the_section_says_how_old_the_pairs_are() -> None:
    measured = replace(CELL, commit="abc1234")
    assert "at the commits `abc1234` (1). Nothing" in written([measured], {}, "Written on a day")
    assert "1 of the pairs were measured before something changed" in written(
        [measured], {}, "Written on a day", stale=1
    )


def test_a_cell_survives_being_kept() -> None:
    assert LikenessCell.parse(CELL.text()) == CELL
    broke = replace(CELL, published=None, broke="why")
    assert LikenessCell.parse(broke.text()) == broke


def test_a_section_tells_what_differs_what_is_left_out_and_what_was_not_measured() -> None:
    cells = [CELL, replace(_with(verdict="unsafe"), scenario="clean-run")]
    text = written(cells, {"r20-late-stats": "its own affair"}, "Measured on a day", ["r99-later"])
    assert "2 pairs of runs, 2 scenarios, 1 clients. 1 are the same; 0 differ for a reason, and 1 without one" in text
    assert "| r10-late-tail | = holds |" in text
    assert "| clean-run | ? unsafe |" in text
    assert "| its own affair | r20-late-stats |" in text
    assert "Not measured yet: r99-later." in text


def test_a_document_keeps_its_section_when_it_is_written_anew() -> None:
    section = f"{HEADING}\n\nfirst\n"
    document = replaced("# Fidelity\n\ntext\n", section)
    assert document == f"# Fidelity\n\ntext\n\n{HEADING}\n\nfirst\n"
    assert replaced(document, f"{HEADING}\n\nsecond\n").endswith("second\n")
    assert kept("# Fidelity\n\nnew\n", document) == f"# Fidelity\n\nnew\n\n{HEADING}\n\nfirst\n"
    assert kept("# Fidelity\n\nnew\n", "# Fidelity\n") == "# Fidelity\n\nnew\n"

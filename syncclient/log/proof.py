"""Certificates of completeness: what the client may believe, and why. Pure.

- `seq`: the held log indexes are contiguous up to the leaf, or up to `through_seq`. Covers the log up to there.
  Unsound when the log was replaced (R60).
- `chain`: from the leaf, parent by parent, every event is held back to a proven one. Covers the branch. Not given where
  an event is stamped late.
- `count`: the log holds as many events as are held, all of them persisted, and the chain is whole. Covers the log.
  Unsound while an event is published and not persisted (R54): so only at a barrier, and only when nothing is unplaced.
- `echo`: a page that begins inside what is confirmed was read on to the log's tail. Covers the log as it was when the
  walk began, or the branch where the anchor was placed by a chain. Unsound alone where REST lags the socket (R52):
  therefore the leaf must be on the way.

A certificate is about one moment. It is given only at a barrier: the end of a run, or a renewed subscription.
"""

from __future__ import annotations

from dataclasses import dataclass

from gapless.syncclient.decisions import decision
from gapless.syncclient.log.held import BranchPath
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.path_marks import sometimes
from gapless.syncclient.report import Coverage, Proof


@dataclass(frozen=True, slots=True)
class Certificate:
    """A proof and what it covers."""

    proof: Proof
    covers: Coverage


@decision("chain-proof")
def chain(ledger: Ledger, leaf_id: str | None) -> Certificate | None:
    """The branch is held: `leaf_id` is reached from a placed event through `parent_id`, with nothing missing.

    Covers messages, actions and observations; not state updates, nor other branches. None if the path breaks off, which
    it also does at an event without a parent that is not the root: some are stamped after they are published.
    """
    return Certificate("chain", "branch") if ledger.path_to(leaf_id).missing is None else None


@decision("seq-proof")
def seq(ledger: Ledger, *, leaf_id: str | None, through_seq: int | None) -> Certificate | None:
    """Every log index up to the leaf is held; with `through_seq`, every index up to that.

    Live frames say nothing of what follows the last of them, so the whole log is proven only by a `through_seq` that
    the server gave at the barrier or later. None if an index is missing, or the leaf is not among what is contiguous.
    """
    next_seq = ledger.next_seq()
    sometimes("proof: an index is missing", ledger.unplaced_seq_min() is not None)
    if next_seq is None or ledger.unplaced_seq_min() is not None:
        return None
    if leaf_id is not None and not ledger.is_placed(leaf_id):
        return None
    if through_seq is None:
        return Certificate("seq", "branch")
    return Certificate("seq", "log") if next_seq > through_seq else None


@decision("bare-count-proof")
def bare_count(ledger: Ledger, *, counted: int | None, held_events: int) -> Certificate | None:
    """The same for a generation without a chain: weaker, so the held actions and observations must pair up too.

    Proves which events there are. Their order is by the server's timestamps, which a clock step makes wrong (R61).
    """
    if counted is None or ledger.gaps() or ledger.has_unpaired():
        return None
    sometimes("proof: a bare count agreed", counted == held_events)
    sometimes("proof: a bare count disagreed", counted != held_events)
    return Certificate("count", "log") if counted == held_events else None


@decision("count-proof")
def count(ledger: Ledger, path: BranchPath, *, counted: int | None, held_events: int) -> Certificate | None:
    """The log has no event that was not held when the count was asked for.

    Costs a few bytes and reads no event. `held_events` is as of the request: what came later may make up for what is
    missing. All that is held must be in the log: each branch event is placed, or on the proven `path` to the leaf
    (R53, R54). A log with an unread middle has no number to compare with.
    """
    if counted is None or ledger.gaps() or ledger.has_strays(path):
        return None
    sometimes("proof: a count agreed with the chain", counted == held_events)
    sometimes("proof: a count disagreed with the chain", counted != held_events)
    return Certificate("count", "log") if counted == held_events else None


@decision("echo-proof")
def echo(ledger: Ledger, *, leaf_id: str | None, covers: Coverage) -> Certificate | None:
    """A walk from inside what is confirmed came to the log's tail, and the leaf, where one is known, is on the way.

    The caller has walked; this looks at the leaf, which a REST view behind the socket does not show yet (R52). It
    `covers` no more than what the walk was anchored in: behind an anchor that a chain placed, state updates may be
    missing.
    """
    sometimes("proof: the log did not show the leaf yet", leaf_id is not None and not ledger.is_placed(leaf_id))
    return Certificate("echo", covers) if leaf_id is None or ledger.is_placed(leaf_id) else None

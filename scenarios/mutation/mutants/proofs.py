"""Bugs in certificates, which then prove less than they claim (R11, R20, R30, R52, R54)."""

from __future__ import annotations

from gapless.scenarios.mutation.planting import Original, mutant
from gapless.syncclient.core.runs.certificates import Certificates
from gapless.syncclient.core.runs.endings import Ending
from gapless.syncclient.core.runs.run_in_progress import RunInProgress
from gapless.syncclient.log.held import BranchPath
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.proof import Certificate
from gapless.syncclient.report import Coverage


@mutant("run-chain-certificate", races=["R11", "R30"], killed=("r30-lost-frame", "tree/inclusive", "no-tail-loss"))
def leaf_alone_proves(
    original: Original, certificates: Certificates, run: RunInProgress, ending: Ending
) -> Certificate | None:
    """Claims that the branch is complete when it holds the leaf."""
    is_held = ending.leaf_id is not None and ending.leaf_id in certificates._situation.ledger
    return Certificate("chain", "branch") if is_held else None


@mutant("seq-proof", races=["R30"], killed=("r30-lost-frame", "session/inclusive", "no-holes"))
def highest_seq_proves(
    original: Original, ledger: Ledger, *, leaf_id: str | None, through_seq: int | None
) -> Certificate | None:
    """Claims that the log is complete up to the highest index it holds."""
    if leaf_id is not None and leaf_id not in ledger:
        return None
    return Certificate("seq", "branch" if through_seq is None else "log")


@mutant("seq-proof", races=["R20"], killed=("r20-lost-last-update", "session/inclusive", "no-tail-loss"))
def live_seq_proves_the_log(
    original: Original, ledger: Ledger, *, leaf_id: str | None, through_seq: int | None
) -> Certificate | None:
    """Claims that the log is complete to its end when nothing is missing before the last live frame."""
    certificate = original(ledger, leaf_id=leaf_id, through_seq=through_seq)
    return certificate and Certificate("seq", "log")


@mutant(
    "chain-proof", races=["R20"], killed=("r20-lost-last-update", "tree/inclusive", "no-tail-loss"), fails_clean=True
)
def chain_proves_the_log(original: Original, ledger: Ledger, leaf_id: str | None) -> Certificate | None:
    """Claims for the whole log what parent ids prove only for the branch."""
    certificate = original(ledger, leaf_id)
    return certificate and Certificate("chain", "log")


@mutant(
    "count-proof",
    races=["R54"],
    killed=("r54-count-overtaken", "tree/inclusive", "no-holes"),
    settings={"trusts_count": True},
)
def near_enough(
    original: Original, ledger: Ledger, path: BranchPath, *, counted: int | None, held_events: int
) -> Certificate | None:
    """Accepts a count as a proof if it differs by at most one."""
    return None if counted is None or abs(counted - held_events) > 1 else Certificate("count", "log")


@mutant("echo-proof", races=["R52"], killed=("r52-replica-far-behind", "tree/inclusive", "no-tail-loss"))
def tail_of_rest_is_the_end(
    original: Original, ledger: Ledger, *, leaf_id: str | None, covers: Coverage
) -> Certificate | None:
    """Treats the last page as the end of the run, even if REST lags the socket."""
    return Certificate("echo", covers)


@mutant(
    "run-certificate",
    races=["R20"],
    killed=("r20-lost-last-update", "tree/inclusive", "no-tail-loss"),
    fails_clean=True,
)
def any_proof_will_do(
    original: Original, certificates: Certificates, run: RunInProgress, ending: Ending
) -> Certificate | None:
    """Claims for the whole log what any proof shows only for the branch."""
    certificate: Certificate | None = original(certificates, run, ending)
    return certificate and Certificate(certificate.proof, "log")


@mutant("unexpected-state", races=["R53"], killed=("r53-never-persisted", "tree/inclusive", "no-holes"))
def strays_overlooked(original: Original, certificates: Certificates, path: BranchPath, ending: Ending) -> bool:
    """Never checks whether events beside the chain are in the log."""
    return False


@mutant("count-suffices", races=["R54"], killed=("counted-long-run", "legacy/inclusive", "budget"))
def never_counts(original: Original, certificates: Certificates, run: RunInProgress) -> bool:
    """Reads pages for a proof although a count is reliable and would suffice."""
    return False


@mutant("bare-count-proof", races=["R16"], killed=("counted-doubt", "legacy/inclusive", "budget"))
def count_settles_no_doubt(
    original: Original, ledger: Ledger, *, counted: int | None, held_events: int
) -> Certificate | None:
    """Requests a count but does not accept it as a proof without a chain."""
    return None


MUTANTS = (
    leaf_alone_proves,
    highest_seq_proves,
    live_seq_proves_the_log,
    chain_proves_the_log,
    near_enough,
    tail_of_rest_is_the_end,
    any_proof_will_do,
    strays_overlooked,
    never_counts,
    count_settles_no_doubt,
)

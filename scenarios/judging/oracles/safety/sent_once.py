"""Each ``send`` makes at most one message, with the text that was to be sent, and each ``run()`` at most one run (R16,
R56).

The answer to a POST can be lost after the server has taken it. A client that then sends it again has the user say
everything twice. A run that the server forgot, as it restarted before the log had anything of it, does not count.
Judged where the client was asked for it: a client that is served, and says nothing of its steps, may send what it
likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count

NAME = "sent-once"
SHOWN_MAX = 60


def sent_once(case: Case) -> OracleFinding:
    """Judge how many messages and runs the client's calls have made, against how many it was asked for."""
    evidence = case.evidence
    asked = {name: sum(step.step == name for step in evidence.steps) for name in ("send", "run")}
    runs = sum(run.own and not run.is_forgotten for run in evidence.server_runs)
    made = {"send": evidence.messages_posted, "run": runs}
    violations = (*_violations(asked, made), *_other_texts(case))
    return OracleFinding(sum(asked.values()), violations)


def _violations(asked: dict[str, int], made: dict[str, int]) -> Iterator[Violation]:
    if made["send"] > asked["send"] > 0:
        message = f"the client made {count(made['send'], 'message')}, and was asked for {asked['send']}"
        yield Violation(NAME, message)
    if made["run"] > asked["run"] > 0:
        yield Violation(NAME, f"the client began {count(made['run'], 'run')}, and was asked for {asked['run']}")


def _other_texts(case: Case) -> Iterator[Violation]:
    """Messages of the client that say what nobody was to send, or what was to be sent less often."""
    if case.texts is None:
        return
    for text in Counter(case.evidence.posted_texts) - Counter(case.texts):
        yield Violation(NAME, f"the client sent {_shown(text)}, and was to send {_all_shown(case.texts)}")


def _all_shown(texts: Sequence[str]) -> str:
    return " and ".join(_shown(text) for text in texts) if texts else "nothing"


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…")

"""What is known to be missing, since when, and whether it is time to ask for it. Pure state.

Frames out of order are the rule, not the exception (R31), so something counts as missing only after it has been missing
for the settle interval. What REST does not have either is asked for again with growing waits, up to a deadline, then
given up and reported (R52, R53).
"""

from __future__ import annotations

from collections.abc import Iterable

from gapless.syncclient.decisions import decision


class Missing:
    """The things known to be missing, by a token each (an event id, or `seq:<index>`), with the time of first
    notice."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}
        self._given_up: dict[str, None] = {}
        self.tries = 0
        self.not_before_s = 0.0
        self.asked_at_s = 0.0

    @decision("missing-since")
    def update(self, tokens: Iterable[str], now_s: float) -> None:
        """Say what is missing now: what is new is noted with its time, what came is forgotten."""
        self._since_s = {token: self._since_s.get(token, now_s) for token in tokens if token not in self._given_up}
        if not self._since_s:
            self.tries, self.not_before_s = 0, 0.0

    def __bool__(self) -> bool:
        return bool(self._since_s)

    def is_only(self, tokens: frozenset[str]) -> bool:
        """Whether nothing is missing but these."""
        return all(token in tokens for token in self._since_s)

    def oldest_s(self) -> float:
        """When the first of them was noticed; only while there is one."""
        return min(self._since_s.values())

    def due_at_s(self, settle_s: float) -> float:
        """When it is time to ask for them; only while there is one."""
        return max(self.oldest_s() + settle_s, self.not_before_s)

    def leave(self, tokens: Iterable[str]) -> None:
        """Stop asking for some of them."""
        for token in tokens:
            if self._since_s.pop(token, None) is not None:
                self._given_up[token] = None

    def give_up(self) -> list[str]:
        """Stop asking for all that is missing now; returns the tokens, for the report."""
        tokens = list(self._since_s)
        self._given_up.update(dict.fromkeys(tokens))
        self._since_s = {}
        return tokens

    @property
    def given_up(self) -> tuple[str, ...]:
        """Everything that was given up."""
        return tuple(self._given_up)

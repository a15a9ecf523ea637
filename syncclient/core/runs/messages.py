"""Who has spoken since the last run: it says whose the next one may be. Pure."""

from __future__ import annotations

from gapless.syncclient.wire import LogEvent, message_text


class Messages:
    """Who has spoken since the last run began: a run that follows the message of somebody else may be theirs."""

    def __init__(self) -> None:
        self._ours: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._has_other = False
        self.others: dict[str, None] = {}
        """Ids of what somebody else has said since a run of ours was last over."""
        self.is_one_unanswered = False
        """Whether the log ended with a message when we attached, and no run has begun since: one may be on its way."""
        self.last_own_id: str | None = None
        """The last message of ours that was seen since then, if no run was in progress then, or has begun since."""

    def post(self, text: str) -> None:
        """A message of ours is sent."""
        self._ours[text] = self._ours.get(text, 0) + 1

    def taken(self, text: str) -> None:
        """The server has taken it: it is in the log, and the log may not have been seen since."""
        if text in self._ours:
            self._taken[text] = self._taken.get(text, 0) + 1

    def refused(self, text: str) -> None:
        """The server has not taken it."""
        self._see(text)

    @property
    def unseen(self) -> int:
        """How many messages of ours the server has taken that were not seen in the log yet."""
        return sum(self._taken.values())

    def heard(self, event: LogEvent, *, is_at_rest: bool = False) -> bool:
        """A user message is held for the first time; true if it is ours. `is_at_rest`: no run is in progress."""
        is_ours = self._see(message_text(event))
        if is_ours:
            self.last_own_id = event["id"] if is_at_rest else None
        else:
            self._has_other = True
            self.others[event["id"]] = None
        return is_ours

    @property
    def may_be_others(self) -> bool:
        """Whether a run that begins now may be one that somebody else has asked for."""
        return self._has_other or bool(self._ours)

    def run_begun(self) -> None:
        """A run has begun, so what was said until now is answered."""
        self._has_other, self.is_one_unanswered, self.last_own_id = False, False, None

    def forget(self) -> None:
        """A run of ours is over: what has not come of our messages by now is not waited for."""
        self._ours, self._taken, self.others, self.last_own_id = {}, {}, {}, None

    def _see(self, text: str) -> bool:
        is_ours = text in self._ours
        for counts in (self._ours, self._taken):
            if counts.get(text, 0) > 1:
                counts[text] -= 1
            else:
                counts.pop(text, None)
        return is_ours

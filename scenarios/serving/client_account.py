"""Infers the steps of a client that drives itself, from what the server saw. Pure.

Oracles judge steps: attach, send, run. When the harness asks a client for its steps, the journal has them. It has none
for a client that drives itself, so they are added here:

- attach: from the first instant to its first message or run;
- send: from the request that sends a message to its response;
- run: from ``POST run`` until the client reports that the run is done, does something else, or exits.

A client that goes on for long after its run should report when the run was done. Else its run seems to take that long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gapless.simserver.journal import Entry

NO_DELIVERIES: Final = "says-no-deliveries"


def accounted(entries: Sequence[Entry], *, driven: bool | None = None) -> tuple[Entry, ...]:
    """The journal, with an entry for each step of the client, and one when it never reported a delivery.

    ``driven``: whether the client did the steps that it was asked for; None: find out from the journal.
    """
    told = tuple(entries)
    if driven is None:
        driven = any(_is(entry, "client", "attach-called") for entry in told)
    if not driven:
        told = tuple(_Steps([entry for entry in told if not _is(entry, "client", "attach-called")]).written())
    is_marked = any(_is(entry, "client", "delivered") or _is(entry, "client", NO_DELIVERIES) for entry in told)
    if not is_marked and any(entry.place == "client" for entry in told):
        told = (*told, _client(told[-1].t_s, NO_DELIVERIES))  # what it holds is no delivery, and nothing else is known
    return tuple(
        entry if entry.index == index else Entry(index, entry.t_s, entry.place, entry.what, entry.fields)
        for index, entry in enumerate(told)
    )


def _is(entry: Entry, place: str, what: str) -> bool:
    return entry.place == place and entry.what == what


def _client(t_s: float, what: str, **fields: Any) -> Entry:
    return Entry(-1, t_s, "client", what, fields)


class _Steps:
    """Reads a journal once, and adds the entries of the steps."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._reports = any(entry.place == "client" for entry in entries)
        self._out: list[Entry] = []
        self._open: str | None = None
        self._send_call: object = None
        self._delivered: dict[str, None] = {}

    def written(self) -> Sequence[Entry]:
        self._begin(0.0, "attach")
        for entry in self._entries:
            self._before(entry)
            self._out.append(entry)
            if _is(entry, "rest", "response") and entry.fields["call"] == self._send_call and self._open == "send":
                self._end(entry.t_s)
        return self._out

    def _before(self, entry: Entry) -> None:
        match entry.place, entry.what:
            case "rest", "request" if entry.fields["method"] == "POST":
                self._posted(entry)
            case "agent", "run-started" if entry.fields.get("by") == "client" and self._open != "run":
                self._begin(entry.t_s, "run")  # a message that starts a run
            case "client", "delivered":
                self._delivered[str(entry.fields["id"])] = None
            case "client", "exited":
                self._exited(entry)
            case "client", "error":
                self._ended(entry, str(entry.fields["step"]))
            case "client", what if what.endswith("-returned"):
                self._ended(entry, what.removesuffix("-returned"))

    def _posted(self, entry: Entry) -> None:
        last = str(entry.fields["path"]).rpartition("/")[2]
        if last == "events":
            self._begin(entry.t_s, "send")
            self._send_call = entry.fields["call"]
        elif last == "run" and self._open != "run":
            self._begin(entry.t_s, "run")

    def _begin(self, t_s: float, step: str) -> None:
        self._end(t_s)
        self._out.append(_client(t_s, f"{step}-called"))
        self._open = step

    def _end(self, t_s: float) -> None:
        """End the open step, of whose end the client reported nothing.

        The run of a client that never reports anything is left open: nothing shows when it returned.
        """
        if self._open == "run" and self._reports:
            self._out.append(_client(t_s, "run-returned", held=list(self._delivered)))
        elif self._open not in (None, "run"):
            self._out.append(_client(t_s, f"{self._open}-returned"))
        self._open = None

    def _ended(self, entry: Entry, step: str) -> None:
        """The client, or the harness, reported how a step ended."""
        if self._open != step:
            self._begin(entry.t_s, step)
        self._open = None

    def _exited(self, entry: Entry) -> None:
        if not entry.fields["message"]:
            self._end(entry.t_s)
            return
        if self._open is None:
            self._begin(entry.t_s, "background")
        self._out.append(_client(entry.t_s, "error", step=self._open, **entry.fields))
        self._open = None

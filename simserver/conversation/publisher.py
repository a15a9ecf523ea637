"""Persists what the agent produces, sends it to the subscribers, and journals both.

It decides nothing. `EventFaults` has decided how to treat an event when the agent appended it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from gapless.simserver.conversation.agent import Agent, Publication
from gapless.simserver.conversation.archive import Archive
from gapless.simserver.conversation.event_bodies import STATE_UPDATE, EventBody
from gapless.simserver.conversation.event_faults import EventFaults
from gapless.simserver.journal import Fields, Journal
from gapless.simserver.network.socket_name import SocketName, owned_by
from gapless.simserver.network.streams import MemoryConnection
from gapless.simserver.process import Process
from gapless.simserver.progress import Progress
from gapless.simserver.protocol.outbox import ConnectionAct
from gapless.simserver.waiting import sleep


def describe(event: EventBody, seq: int | None) -> Fields:
    """How the journal describes a published event."""
    fields: Fields = {"id": event["id"], "kind": event["kind"], "seq": seq, "durable": seq is not None}
    if "key" in event:
        key, value = event["key"], event["value"]
        fields["key"] = key
        if key == "full_state":
            fields |= {"status": value["execution_status"], "leaf": value.get("leaf_event_id")}
        elif key in {"execution_status", "last_user_message_id"}:
            fields["value"] = value
    return fields


class SocketSubscriber(Protocol):
    """An open socket, as the publisher and the world see it.

    name: its number, and the client whose it is; connection: the one in memory, None when the app is not served by
    `Connections`.
    """

    @property
    def name(self) -> SocketName: ...
    @property
    def connection(self) -> MemoryConnection | None: ...
    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued for the client or on its way to it."""
        ...

    def offer(self, publication: Publication, fields: Fields) -> None:
        """Queue a published event. ``fields`` is how the journal describes it."""
        ...

    def release(self) -> None:
        """Make everything in the queue due now, because the world has healed."""
        ...

    def act(self, verdict: ConnectionAct) -> None:
        """Do now what a fault asks for."""
        ...

    def due(self, fault: str) -> None:
        """Make the frames due now that this fault has delayed until its cause."""
        ...


class Publisher:
    """Persists and sends events.

    subscriptions: the open sockets; run: the number of the run that appended events belong to, None between runs.
    """

    def __init__(
        self,
        process: Process,
        agent: Agent,
        archive: Archive,
        event_faults: EventFaults,
        journal: Journal,
        progress: Progress,
    ) -> None:
        self.subscriptions: list[SocketSubscriber] = []
        self.run: int | None = None
        self._process = process
        self._now_s = process.now_s
        self._agent = agent
        self._archive = archive
        self._event_faults = event_faults
        self._journal = journal
        self._progress = progress

    def __repr__(self) -> str:
        return f"Publisher({self._archive!r}, {len(self.subscriptions)} subscribed)"

    def publish(self, publications: Sequence[Publication], *, is_tail: bool = False, client: int = 1) -> bool:
        """Persist events in log order, and send them in publication order. Returns whether there were any.

        While the conversation is being deleted nothing is sent (R35). ``is_tail``: they come after the end of a run and
        belong to none, although the next one may be in progress. ``client``: whose message it is.
        """
        appended = [one for one in publications if one.index is not None]
        if len(appended) > 1:
            appended.sort(key=lambda one: one.index or 0)
        for one in appended:
            self._persist(one, None if is_tail else self.run, client)
        for one in publications:
            self._progress.published(one.event["id"], is_logged=one.index is not None)
        if self._agent.status == "deleting":
            return bool(publications)
        for one in publications:
            flood = one.treatment.flood
            if flood is not None:
                for _ in range(flood.frames):
                    self._send(self._agent.delta(self._now_s(), "x" * flood.size_bytes))
            self._send(one)
            if one.treatment.update_s is not None and one.index is not None:
                self._process.start_soon(self._update_later, one)
        return bool(publications)

    async def _update_later(self, one: Publication) -> None:
        """Publish newer content of an event under its id (R72). A healed world updates nothing more."""
        assert one.index is not None
        assert one.treatment.update_s is not None
        await sleep(one.treatment.update_s)
        if self._agent.status == "deleting" or self._process.is_down:
            return
        updated = self._agent.update(one.index, str(one.event["id"]))
        if updated is not None:
            self._journal.record("log", "update", id=str(one.event["id"]), index=one.index)
            self._send(updated, is_update=True)

    def snapshot(self, socket: SocketName | None = None) -> Publication:
        """A ``full_state`` snapshot, as stale as the faults say.

        socket: the one that it greets, None for the final snapshot of a run.
        """
        stale_s = self._event_faults.stale_s(self._agent.status, socket)
        return self._agent.snapshot(self._now_s(), stale_s=stale_s)

    def _send(self, one: Publication, *, is_update: bool = False) -> None:
        fields = describe(one.event, one.seq)
        if is_update:
            fields["update"] = True
        self._journal.add("publisher", "publish", fields)
        for subscription in self.subscriptions:
            subscription.offer(one, fields)

    # --- the log -----------------------------------------------------------------------------------------------

    def _persist(self, one: Publication, run: int | None, client: int) -> None:
        """Append an event to the disk, now or when the faults say. It is journaled when it is appended."""
        assert one.index is not None
        event, kind = one.event, one.event["kind"]
        fields: Fields = {"id": event["id"], "kind": kind, "index": one.index, "run": run, **owned_by(client)}
        fields["branch"] = kind != STATE_UPDATE
        if not one.treatment.readable:
            fields["readable"] = False
        if kind == "ConversationErrorEvent":
            fields["error"] = {"code": event["code"], "detail": event["detail"]}
        elif event.get("key") == "stats":
            fields["statistics"] = event["value"]
        journal = self._journal
        appended = partial(journal.add, "log", "append", fields)
        if not self._archive.persist(one.index, one.treatment, self._now_s(), appended):
            self._process.start_soon(self._persist_later, one.treatment.lag_s)
        if event.get("key") == "execution_status":
            journal.record("agent", "status", status=event["value"])

    async def _persist_later(self, lag_s: float) -> None:
        await sleep(lag_s)
        self._archive.flush(self._now_s())

    def persist_all(self) -> None:
        """Append all pending events now."""
        self._event_faults.caught_up()
        self._archive.flush(self._now_s(), all_of_it=True)

    def truncate(self, events: int | None) -> None:
        """Lose the last ``events`` events of the log, or all when None. Pending events are persisted first, so they
        count among the last."""
        self.persist_all()
        log = self._agent.log
        length = 0 if events is None else max(0, len(log) - events)
        lost = [log[index] for index in range(length, len(log))]
        fields = {"length": length, "ids": [str(one["id"]) for one in lost], "kinds": [one["kind"] for one in lost]}
        self._archive.truncate(length)
        self._agent.truncate(self._now_s(), length)
        self._journal.add("log", "truncate", fields)

    def insert(self, events: int, before_last: int) -> None:
        """Insert events before the last ``before_last`` of the log. They are sent to nobody (R76)."""
        self.persist_all()
        for _ in range(events):
            index = max(0, len(self._agent.log) - before_last)
            event = self._agent.insert(self._now_s(), index)
            self._archive.inserted(index)
            fields = {"id": str(event["id"]), "kind": event["kind"], "index": index, "run": None, "branch": True}
            self._journal.add("log", "append", fields | {"inserted": True})

    def reload(self) -> None:
        """The process has come back: the index is read anew, so records that it had missed can be read (R85)."""
        for index in self._archive.reload():
            self._journal.record("log", "readable-again", id=self._agent.log.id_at(index), index=index)

    def journal_history(self) -> None:
        """Journal the part of the log that is older than the world."""
        length = len(self._agent.log)
        if length:
            first, last = self._agent.log.id_at(0), self._agent.log.id_at(length - 1)
            self._journal.record("log", "history", events=length, first=first, last=last)

"""Faults on sockets: what they make of a handshake, and what they see of a frame."""

from __future__ import annotations

from math import inf

from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import BreakWhenQuiet, Hang, Refuse
from gapless.simserver.journal import Fields
from gapless.simserver.link import Link
from gapless.simserver.network.connections import socket_facts
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.progress import Progress


async def upgrade(link: Link, socket: SocketName) -> tuple[int | None, float]:
    """Let the faults act on the upgrade of a socket.

    Returns the status with which it is refused, None when it is not; and after how many seconds without a frame the
    socket breaks.
    """
    refused, quiet_s = None, inf
    for verdict in link.consult(socket_facts("handshake", socket, aspect="upgrade")):
        if isinstance(verdict, Refuse):
            refused = verdict.status
        elif isinstance(verdict, Hang):
            await link.sleep_unless_healed(verdict.hang_s)
        elif isinstance(verdict, BreakWhenQuiet):
            quiet_s = min(quiet_s, verdict.quiet_s)
    return refused, quiet_s


def frame_facts(
    fields: Fields, event: EventBody | None, socket: SocketName, unread_frames: int, progress: Progress
) -> Facts:
    """A frame to one socket, as the faults see it. It belongs to the run that its event belongs to.

    ``fields``: how the journal describes it; ``event``: the event in it, None when it carries none.
    """
    if event is None:
        target = f"{socket} {fields['kind']}"
        return Facts("frame", target, connection=socket.nth, client=socket.client, kind=fields["kind"])
    key = event.get("key")
    snapshot = key == "full_state"
    status = fields.get("status") if snapshot else fields.get("value") if key == "execution_status" else None
    return Facts(
        "frame",
        str(event["id"]),
        unread_frames=unread_frames,
        connection=socket.nth,
        client=socket.client,
        kind=event["kind"],
        key=key,
        status=status,
        tool=event.get("tool_name"),
        durable=bool(fields["durable"]),
        snapshot=snapshot,
        run=progress.run_of(str(event["id"]), is_logged=bool(fields["durable"])),
    )

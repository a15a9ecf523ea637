"""Bugs with the socket itself: its pings, its key, its renewal, and how many there are (R35, R39, R41)."""

from __future__ import annotations

import trio

from gapless.scenarios.clients.ours import GaplessClient
from gapless.scenarios.mutation.planting import ExpectedKill, Method, Mutant, Original, mutant, with_settings
from gapless.syncclient.core import actions
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.network.http_and_websocket import Network
from gapless.syncclient.wire import Durable

no_ping = Mutant(
    "no-ping",
    "Never asks on an open socket whether the other end is still there.",
    ("R35",),
    (with_settings({"ping_interval_s": 1e6}),),
    ExpectedKill("r35-dead-path-while-idle", "tree/inclusive", "delivered-in-time"),
)


@mutant("retry-delay", races=["R41"], killed=("r41-two-outages", "tree/inclusive", "jitter"))
def no_jitter(original: Original, failures: int, *, draw: float, min_s: float, max_s: float) -> float:
    """Waits ever longer after failures, and equally long each time."""
    wait_s: float = original(failures, draw=1.0, min_s=min_s, max_s=max_s)
    return wait_s


@mutant("subscription-ready", races=["R35"], killed=("r86-silent-tool", "tree/inclusive", "bounded"))
def sockets_leaked(original: Original, now: Situation, connection: Connection) -> None:
    """Never closes a socket that was replaced."""
    before = len(now.out)
    original(now, connection)
    now.out[before:] = [one for one in now.out[before:] if not isinstance(one, actions.CloseSocket)]


@mutant("durable-frame", races=["R39"], killed=("r39-event-on-the-socket-being-renewed", "tree/inclusive", "budget"))
def old_socket_ignored(original: Original, core: SyncCore, connection: Connection, frame: Durable) -> None:
    """Stops reading a socket as soon as another is asked for in its place."""
    if connection is core._now.subscription.current:
        original(core, connection, frame)


@mutant(Method(Network, "socket"), races=["R56"], killed=("api-key", "tree/inclusive", "no-hang"))
def key_missing_on_the_socket(original: Original, network: Network, path: str, *, query: object) -> object:
    """Sends the API key with requests, and not with the handshake of a socket."""
    network._headers = {}
    return original(network, path, query=query)


@mutant(
    Method(GaplessClient, "close"), races=["R35"], killed=("clean-run", "tree/inclusive", "bounded"), fails_clean=True
)
async def close_closes_nothing(original: Original, client: GaplessClient) -> None:
    """Leaves its connections open when it is closed."""


@mutant(
    Method(GaplessClient, "close"), races=["R35"], killed=("clean-run", "tree/inclusive", "no-hang"), fails_clean=True
)
async def close_never_ends(original: Original, client: GaplessClient) -> None:
    """Waits for ever for something when it is closed."""
    await original(client)
    await trio.sleep_forever()


@mutant(Method(GaplessClient, "close"), races=["R55"], killed=("r55-closed-in-a-repair", "legacy/inclusive", "no-hang"))
async def closing_waits_for_the_repair(original: Original, client: GaplessClient) -> None:
    """Closes only when no call for events is under way."""
    conversation = client._conversation
    while conversation is not None and conversation._core._now.exchange is not None:
        await trio.sleep(1)
    await original(client)


MUTANTS = (
    no_ping,
    no_jitter,
    sockets_leaked,
    old_socket_ignored,
    key_missing_on_the_socket,
    close_closes_nothing,
    close_never_ends,
    closing_waits_for_the_repair,
)

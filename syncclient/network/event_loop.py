"""Which event loop runs here, and what to say where the client cannot run on it.

The driver uses anyio, so it is the same on asyncio and on trio. Only the WebSocket has a library for each loop.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final, Literal

from gapless.syncclient.errors import WrongLoop

LoopName = Literal["asyncio", "trio"]

INSTALL_TRIO: Final = "pip install 'gapless[trio]'"
_FOREIGN: Final = (
    "must be called from async context",
    "unrecognized yield message",
    "no running event loop",
    "Task got bad yield",
)
"""What trio and asyncio say when a function is called that is made for the other one."""


def running_loop() -> str | None:
    """The name of the loop that runs in this thread, such as `asyncio`; None without any."""
    sniffio = sys.modules.get("sniffio")  # trio and curio load it
    if sniffio is not None:
        try:
            return str(sniffio.current_async_library())
        except sniffio.AsyncLibraryNotFoundError:
            pass
    asyncio = sys.modules.get("asyncio")
    return "asyncio" if asyncio is not None and asyncio._get_running_loop() is not None else None


def supported_loop() -> LoopName:
    """The loop that runs here. Raises `WrongLoop` if the client cannot run on it."""
    name = running_loop()
    if name == "asyncio":
        return "asyncio"
    if name == "trio":
        if find_spec("trio_websocket") is None:
            raise WrongLoop(f"on trio the client needs trio-websocket, which is not installed; run: {INSTALL_TRIO}")
        return "trio"
    if name is None:
        raise WrongLoop(
            "open_conversation() needs a running event loop, and there is none; call it in asyncio.run() or "
            "trio.run(), or use gapless.open_conversation_blocking()"
        )
    raise WrongLoop(
        f"open_conversation() runs on asyncio and trio, and not on {name}; "
        "use gapless.open_conversation_blocking() in a thread"
    )


def refuse_to_block(what: str) -> None:
    """Raise `WrongLoop` if an event loop runs in this thread: it would stand still meanwhile."""
    name = running_loop()
    if name is not None:
        raise WrongLoop(
            f"{what} would block the event loop of {name} that runs in this thread; use `async with "
            "gapless.open_conversation(…)` here, or call it in a thread, for example by asyncio.to_thread()"
        )


def is_of_another_loop(error: BaseException) -> bool:
    """Whether an error says that a function was called on a loop that it is not made for."""
    return isinstance(error, RuntimeError | TypeError) and any(words in str(error) for words in _FOREIGN)

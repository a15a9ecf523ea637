"""Puts an unmodified Python program into virtual time, in lockstep with a harness. CPython 3.9 to 3.14.

In reading order:

real          the functions of the runtime as they were, before anything was replaced
scheduler     one thread runs at a time; which one, until when, and what the harness is told when all of them wait
channel       the messages to and from the harness
descriptors   virtual file descriptors, and waiting for several of them
threads       locks, and how threads start and end
clock         time and datetime
entropy       os.urandom, random, uuid, ssl
names         names and addresses
connections   what sockets lead to: connections, whose other end is the harness, pairs, and sockets that listen
sockets       the class that `_socket` offers; the standard library's `socket` is built upon it anew
polling       what `select` offers; the standard library's `selectors` is built upon it anew
streams       standard input
server        fork after import: the program's imports are paid once
refusals      what cannot be virtual is refused in a sentence
patching      how names are replaced in modules that were imported before

The runtime is replaced at the level of its C modules, before the standard library's Python modules are imported, so
that `socket.socket`, `selectors`, `threading.Thread` and `asyncio` keep their own code, whatever the version.
"""

from __future__ import annotations

import os
import sys

VERSION = "1"


def _ignore_handlers(**handlers: object) -> None:
    """In place of os.register_at_fork."""


def install(directory: str) -> None:
    """Replace the runtime's clock, entropy, threads, sockets and standard input. To be called before the program."""
    if sys.implementation.name != "cpython":
        sys.stderr.write("gapless: %s is not supported in virtual time; use CPython\n" % sys.implementation.name)
        os._exit(98)
    # No handler may run at a fork of ours: see `server`. The program's own forks are refused.
    os.register_at_fork = _ignore_handlers
    from . import clock, entropy, patching, polling, refusals, server, sockets, streams, threads

    patching.watch_environment()
    clock.install()
    entropy.install()
    threads.install()
    polling.install()
    sockets.install()
    patching.refresh()
    streams.install()
    refusals.install()
    server.install(directory, VERSION)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]

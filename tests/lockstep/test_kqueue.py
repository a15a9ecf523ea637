"""The kqueue of the shim, in a program of its own: what macOS has is put in by hand, for Linux has none."""

from __future__ import annotations

import sys

from tests.lockstep.autopilot import fly

PROGRAM = """
import collections, select, socket, threading, time
kevent = collections.namedtuple("kevent", "ident filter flags fflags data udata", defaults=(0, 0, None))
values = dict(KQ_FILTER_READ=-1, KQ_FILTER_WRITE=-2, KQ_EV_ADD=1, KQ_EV_DELETE=2, KQ_EV_DISABLE=8, KQ_EV_ONESHOT=16,
              KQ_EV_EOF=32768)
for name, value in values.items():
    setattr(select, name, value)
select.kevent = kevent
kqueue = __import__("sys").modules["_gapless_lockstep.polling"].Kqueue()
a, b = socket.socketpair()
print(kqueue.control([kevent(b.fileno(), -1, 1), kevent(b.fileno(), -2, 17)], 5, 0)[0].filter)
print(kqueue.control([], 5, 0), kqueue.control([], 5, 1.5), time.monotonic())
threading.Timer(1, a.send, (b"x",)).start()
print([event.filter for event in kqueue.control([], 5, None)], time.monotonic())
print(kqueue.control([kevent(b.fileno(), -1, 2)], 5, 0))
try:
    kqueue.control([kevent(b.fileno(), -1, 2)], 0)
except FileNotFoundError:
    print("not watched")
kqueue.close()
print(kqueue.closed)
"""


def test_a_kqueue_tells_of_virtual_sockets() -> None:
    flight = fly([sys.executable, "-c", PROGRAM])
    assert (flight.code, flight.err) == (0, "")
    assert flight.out.splitlines() == ["-2", "[] [] 1001.5", "[-1] 1002.5", "[]", "not watched", "True"]

"""The functions of the runtime as they were, before anything was replaced. Imported before all others."""

from __future__ import annotations

import _socket
import _thread
import os
import select
import time
from typing import Any

allocate_lock: Any = _thread.allocate_lock
get_ident: Any = _thread.get_ident
start_new_thread: Any = _thread.start_new_thread
start_joinable_thread: Any = getattr(_thread, "start_joinable_thread", None)  # from 3.13 on
set_sentinel: Any = getattr(_thread, "_set_sentinel", None)  # up to 3.12

close: Any = os.close
dup: Any = os.dup
fork: Any = os.fork
fstat: Any = os.fstat
read: Any = os.read
register_at_fork: Any = os.register_at_fork
urandom: Any = os.urandom
waitpid: Any = os.waitpid
write: Any = os.write

poll: Any = select.poll
socket: Any = _socket.socket
socket_close: Any = _socket.close
timeout_error: Any = _socket.timeout  # another class than TimeoutError up to 3.9

localtime: Any = time.localtime
gmtime: Any = time.gmtime
ctime: Any = time.ctime
asctime: Any = time.asctime
strftime: Any = time.strftime
clock_gettime: Any = getattr(time, "clock_gettime", None)
perf_counter: Any = time.perf_counter

"""Small programs on each interpreter: what Python offers goes on working, and what cannot be virtual is refused."""

# ruff: noqa: E501 - programs are dense here

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gapless.scenarios.lockstep.process import NeverWaited, NotShimmed, ProgramProcess
from tests.lockstep.autopilot import Flight, fly
from tests.lockstep.interpreters import EACH_VERSION, interpreters


def _fly(version: str, source: str, *lines: str) -> Flight:
    path = interpreters().get(version)
    if path is None:
        pytest.skip(f"no Python {version} was found")
    return fly([path, "-W", "error::ResourceWarning", "-c", textwrap.dedent(source)], lines)


PROGRAMS = {
    "a_thread_pool_a_timer_a_barrier_and_a_semaphore": (
        """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        def work(n):
            time.sleep(n); return n
        with ThreadPoolExecutor(3) as pool:
            print(list(pool.map(work, [3, 1, 2])), round(time.monotonic() - 1000, 3))
        barrier = threading.Barrier(2); t = threading.Thread(target=barrier.wait); t.start(); barrier.wait(); t.join()
        s = threading.BoundedSemaphore(1); s.acquire(); print(s.acquire(timeout=0.5), round(time.monotonic() - 1000, 3))
        fired = threading.Event(); threading.Timer(1, fired.set).start(); print(fired.wait(0.2), fired.wait(5))
        local = threading.local(); local.x = 1; seen = []
        t = threading.Thread(target=lambda: seen.append(hasattr(local, "x"))); t.start(); t.join(); print(seen, t.is_alive())
        print(round(time.monotonic() - 1000, 3))
        """,
        ["[3, 1, 2] 3.0", "False 3.5", "False True", "[False] False", "4.5"],
    ),
    "queues_of_all_kinds": (
        """
        import queue, threading, time
        for make in (queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue):
            q = make()
            t = threading.Thread(target=lambda: (time.sleep(1), q.put(5))); t.start()
            try: q.get(timeout=0.25)
            except queue.Empty: print("empty")
            print(q.get()); t.join()
        try: q.get_nowait()
        except queue.Empty: print("empty at last")
        """,
        ["empty", "5"] * 4 + ["empty at last"],
    ),
    "files_that_are_synced": (
        """
        import os, tempfile
        with tempfile.TemporaryFile() as file:
            file.write(b"kept"); file.flush(); os.fsync(file); os.fsync(file.fileno())
            file.seek(0); print(file.read().decode())
        try: os.fsync(12345)
        except OSError as error: print(error.strerror)
        """,
        ["kept", "Bad file descriptor"],
    ),
    "conditions_and_reentrant_locks": (
        """
        import threading
        c = threading.Condition(); box = []
        def take():
            with c:
                while not box: c.wait()
                print("took", box.pop())
        threads = [threading.Thread(target=take) for _ in range(3)]
        for t in threads: t.start()
        for n in range(3):
            with c, c: box.append(n); c.notify()
        for t in threads: t.join()
        r = threading.RLock()
        with r:
            with r: print(r._is_owned())
        try: r.release()
        except RuntimeError as e: print(e)
        try: threading.Lock().release()
        except RuntimeError as e: print(e)
        """,
        ["took 2", "took 1", "took 0", "True", "cannot release un-acquired lock", "release unlocked lock"],
    ),
    "asyncio_with_threads_streams_and_low_level_sockets": (
        """
        import asyncio, socket, time
        async def main():
            loop = asyncio.get_running_loop()
            print(await asyncio.to_thread(lambda: 1) if hasattr(asyncio, "to_thread") else 1)
            print(await loop.run_in_executor(None, time.sleep, 0.5), round(loop.time() - 1000, 3))
            reader, writer = await asyncio.open_connection("echo.test", 80)
            writer.write(b"hello\\n"); await writer.drain(); print(await reader.readline())
            writer.write_eof(); print(await reader.read()); writer.close()
            s = socket.socket(); s.setblocking(False)
            await loop.sock_connect(s, ("198.51.100.1", 80)); await loop.sock_sendall(s, b"abc"); print(await loop.sock_recv(s, 10)); s.close()
            try: await asyncio.open_connection("echo.test", 1)
            except ConnectionRefusedError as e: print("refused", e.errno)
            try: await asyncio.wait_for(asyncio.sleep(10), 1.25)
            except asyncio.TimeoutError: print("late", round(loop.time() - 1000, 2))
            future = loop.create_future()
            loop.run_in_executor(None, lambda: loop.call_soon_threadsafe(future.set_result, "safe")); print(await future)
        asyncio.run(main())
        """,
        ["1", "None 0.5", "b'hello\\n'", "b''", "b'abc'", "refused 111", "late 1.75", "safe"],
    ),
    "standard_input_in_every_way": (
        """
        import asyncio, os, sys
        print(repr(input()), repr(sys.stdin.readline()), os.read(0, 4))
        async def main():
            reader = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            print(await reader.readline(), await reader.read())
        asyncio.run(main())
        """,
        None,
    ),
    "clocks": (
        """
        import datetime, time, os
        time.sleep(0.25)
        print(time.time(), time.time_ns(), time.perf_counter(), time.monotonic_ns(), time.process_time())
        print(datetime.datetime.now(datetime.timezone.utc).isoformat(), datetime.datetime.now(datetime.timezone.utc).date())
        print(time.strftime("%Y", time.gmtime()), time.gmtime().tm_hour, time.clock_gettime(time.CLOCK_REALTIME), os.times().elapsed)
        import pickle, copy
        now = datetime.datetime.now(); print(pickle.loads(pickle.dumps(now)) == now, copy.deepcopy(now) == now, type(now) is datetime.datetime)
        class Mine(datetime.datetime): pass
        print(type(Mine.now()).__name__, isinstance(Mine.now(), datetime.datetime), type(datetime.date.today()).__name__)
        """,
        [
            "1767268800.25 1767268800250000000 1000.25 1000250000000 0.25",
            "2026-01-01T12:00:00.250000+00:00 2026-01-01",
            "2026 12 1767268800.25 1000.25",
            "True True True",
            "Mine True date",
        ],
    ),
    "blocking_sockets": (
        """
        import select, socket
        s = socket.create_connection(("echo.test", 80), timeout=2)
        s.sendall(b"line one\\nline two"); f = s.makefile("rb"); print(f.readline()); print(f.read(4))
        s.settimeout(0.5)
        try: f.read(100)
        except (socket.timeout, OSError) as e: print(type(e).__name__.lower().replace("timeouterror", "timeout"), e)
        print(select.select([s], [s], [], 0)[1] == [s], s.getpeername()[1], s.family.name, s.type.name)
        s.shutdown(socket.SHUT_WR); print(s.recv(10)); f.close(); s.close()
        a, b = socket.socketpair(); a.send(b"x"); print(b.recv(5)); a.close(); print(b.recv(5)); b.close()
        s = socket.socket(); s.setblocking(False); print(s.connect_ex(("198.51.100.2", 80)) in (36, 115))
        p = select.poll(); p.register(s, select.POLLOUT); print(p.poll(1000) == [(s.fileno(), select.POLLOUT)]); s.close()
        print(socket.gethostbyname("localhost"), socket.gethostbyname("a.test") == socket.gethostbyname("A.test"))
        try: socket.create_connection(("echo.test", 1))
        except ConnectionRefusedError: print("refused")
        """,
        [
            "b'line one\\n'",
            "b'line'",
            "timeout timed out",
            "True 80 AF_INET SOCK_STREAM",
            "b''",
            "b'x'",
            "b''",
            "True",
            "True",
            "127.0.0.1 True",
            "refused",
        ],
    ),
    "a_daemon_thread_that_waits_at_the_end": (
        """
        import atexit, threading, time
        atexit.register(print, "at exit")
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        threading.Thread(target=lambda: (time.sleep(2), print("last"))).start()
        print("main is over")
        """,
        ["main is over", "last", "at exit"],
    ),
    "chance": (
        """
        import random, secrets, tempfile, uuid, os
        print(len({os.urandom(8), os.urandom(8)}), uuid.uuid4().version, uuid.uuid1().version, len(secrets.token_hex(4)))
        print(random.Random().random() != random.random(), isinstance(random.SystemRandom().random(), float))
        """,
        ["2 4 1 8", "True True"],
    ),
    "a_destructor_of_thread_local_data_closes_a_socket": (
        """
        import socket, threading
        local = threading.local()
        class Owner:
            def __init__(self): self.s = socket.create_connection(("echo.test", 80))
            def __del__(self): self.s.close(); print("closed")
        def work(): local.owner = Owner()
        for _ in range(2):
            t = threading.Thread(target=work); t.start(); t.join(); print("joined")
        """,
        None,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("version", EACH_VERSION)
def test_a_program_goes_on_working(version: str, name: str) -> None:
    source, expected = PROGRAMS[name]
    lines = ["one", "two", "abc", "four", "five"] if name.startswith("standard_input") else []
    flight = _fly(version, source, *lines)
    assert (flight.code, flight.err) == (0, "")
    if name.startswith("standard_input"):
        # What was read ahead by sys.stdin is gone for os.read, as it is from a pipe.
        assert flight.out.splitlines()[0].startswith("'one' 'two\\n'")
    elif name.startswith("a_destructor"):
        assert sorted(flight.out.splitlines()) == ["closed", "closed", "joined", "joined"]
    else:
        assert flight.out.splitlines() == expected


REFUSED = {
    "tls": (
        "import ssl, socket; ssl.create_default_context().wrap_socket(socket.create_connection(('a.test', 443)))",
        "TLS",
    ),
    "udp": ("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('a.test', 53))", "only TCP"),
    "listening": ("import socket; s = socket.socket(); s.bind(('', 0)); s.listen()", "listens"),
    "fork": ("import os, time; time.sleep(1); os.fork()", "child process"),
    "alarm": ("import signal; signal.alarm(3)", "signal.alarm"),
    "uvloop": ("import uvloop", "asyncio's own loop"),
    "gevent": ("from gevent import monkey", "threads or asyncio"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("version", EACH_VERSION)
def test_what_cannot_be_virtual_is_refused_in_a_sentence(version: str, name: str) -> None:
    source, word = REFUSED[name]
    flight = _fly(version, source)
    assert flight.code == 98
    assert flight.refused is not None
    assert word in flight.refused
    assert flight.err == f"gapless: {flight.refused}\n"


@pytest.mark.parametrize("version", EACH_VERSION)
def test_trust_anchors_are_there_for_who_asks_for_them(version: str, tmp_path: Path) -> None:
    """They are read when they are asked for. What is no certificate is an error at once, as without a shim."""
    (tmp_path / "none.pem").write_text("no certificate\n")
    source = f"""
    import ssl
    def count(context): return context.cert_store_stats()["x509_ca"]
    default = ssl.get_default_verify_paths()
    print(count(ssl.create_default_context()), count(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
    print(count(ssl.create_default_context(cafile=default.cafile)) if default.cafile else "none")
    for file in ("none.pem", "missing.pem"):
        try: ssl.create_default_context(cafile={str(tmp_path)!r} + "/" + file)
        except OSError as error: print(type(error).__name__)
    """
    flight = _fly(version, source)
    assert (flight.code, flight.err) == (0, "")
    plain = [interpreters()[version], "-c", textwrap.dedent(source)]
    assert flight.out == subprocess.run(plain, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", EACH_VERSION)
def test_a_module_that_may_be_missing_is_missing(version: str) -> None:
    flight = _fly(version, "try: import uvloop\nexcept ImportError: print('without')")
    assert (flight.code, flight.out, flight.err) == (0, "without\n", "")


@pytest.mark.parametrize("version", EACH_VERSION)
def test_a_question_about_the_system_is_harmless(version: str) -> None:
    flight = _fly(
        version, "import platform, time; time.sleep(1); print(bool(platform.platform()), platform.processor() or '-')"
    )
    assert (flight.code, flight.refused) == (0, None)
    assert flight.out.startswith("True")


@pytest.mark.parametrize("version", EACH_VERSION)
def test_an_error_in_a_thread_is_printed_and_the_program_goes_on(version: str) -> None:
    flight = _fly(
        version,
        """
        import threading, _thread, time
        t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); print("on")
        _thread.start_new_thread(lambda: [][1], ()); time.sleep(1); print("and on")
        """,
    )
    assert (flight.code, flight.out) == (0, "on\nand on\n")
    assert "ZeroDivisionError" in flight.err
    assert "IndexError" in flight.err


@pytest.mark.parametrize("version", EACH_VERSION)
def test_a_real_pipe_that_is_never_ready_is_said_to_stall(version: str) -> None:
    flight = _fly(version, "import os, select; r, w = os.pipe(); print(select.select([r], [], [], 3)); os.close(r)")
    assert (flight.code, flight.out, flight.t_s) == (0, "([], [], [])\n", 3.0)
    assert flight.stalled is not None
    assert "which is real" in flight.stalled


@pytest.mark.parametrize("version", EACH_VERSION)
def test_a_program_that_waits_in_a_thread_first_can_be_run_again(version: str) -> None:
    """The usual asyncio program reads its standard input on a thread."""
    source = "import asyncio, sys\nasync def main():\n    print(await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline))\nasyncio.run(main())"
    flight = _fly(version, source, "x")
    assert (flight.forks, flight.code, flight.out, flight.err) == (True, 0, "x\n\n", "")


@pytest.mark.parametrize("version", EACH_VERSION)
def test_a_program_whose_imports_leave_a_thread_cannot_be_run_again(version: str, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(
        "import threading, time\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    flight = _fly(version, f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import library; print(input())", "x")
    assert (flight.forks, flight.code, flight.out, flight.err) == (False, 0, "x\n", "")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("import sys; input(); sys.exit('in words')", 1),
        ("import os; input(); os._exit(5)", 5),
        ("import os, signal; input(); os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import threading; threading.Event().wait(1); raise KeyboardInterrupt", -2),
    ],
)
@pytest.mark.parametrize("version", EACH_VERSION)
def test_the_exit_code_is_as_without_a_shim(version: str, source: str, code: int) -> None:
    assert _fly(version, source, "x").code == code


@pytest.mark.parametrize("version", EACH_VERSION)
def test_another_sitecustomize_is_loaded_as_well(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.hidden = 5\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    flight = _fly(version, "import time; time.sleep(1); print(hidden, time.time())")
    assert (flight.code, flight.out, flight.err) == (0, "5 1767268801.0\n", "")


def test_a_module_and_a_wrapper_around_python_are_commands_too(tmp_path: Path) -> None:
    (tmp_path / "mod.py").write_text("import time\ntime.sleep(2)\nprint('module', time.time())\n")
    command = f"cd {tmp_path} && {sys.executable} -c 'print(1)' && exec {sys.executable} -m mod"
    flight = fly(["sh", "-c", command])
    assert (flight.code, flight.out, flight.err) == (0, "1\nmodule 1767268802.0\n", "")


def test_a_python_without_its_shim_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    process = ProgramProcess([sys.executable, "-I", "-c", "input(); import time; time.sleep(100)"], {})
    try:
        with pytest.raises(NeverWaited, match="before it read a step"):
            process.greet()  # its standard input is empty, for nobody made it virtual
    finally:
        process.kill()
    process = ProgramProcess([sys.executable, "-I", "-c", "import time; time.sleep(100)"], {})
    with pytest.raises(NotShimmed, match="without -I, -E or -S"):
        process.greet(1.0)


@pytest.mark.parametrize(("source", "is_ready"), [("while True: pass", True), ("import time; time.sleep(100)", False)])
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell what a process does")
def test_a_program_that_computes_is_told_from_one_that_waits(source: str, is_ready: bool) -> None:
    """On a busy machine the first gets time. What it has used says little there: it may be next to nothing."""
    process = ProgramProcess([sys.executable, "-I", "-c", source], {})
    try:
        time.sleep(2)
        assert [process._is_ready() for _ in range(5)] == [is_ready] * 5
    finally:
        process.kill()

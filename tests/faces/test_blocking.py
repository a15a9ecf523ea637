"""The blocking interface: from any thread, ended by Ctrl-C, with the same results as the others."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

import gapless
from gapless.syncclient.network import client_thread
from tests.faces.served import LONG_RUN, serving

pytestmark = pytest.mark.usefixtures("settles_soon")
SOON_S = 30.0  # of real time; a run that ends while a message is on its way is believed after 10 s


def client_threads() -> list[threading.Thread]:
    """The threads of open conversations."""
    return [thread for thread in threading.enumerate() if thread.name == "gapless"]


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_a_run_is_complete_in_order_and_delivered_once(generation: str) -> None:
    delivered: list[tuple[str, str]] = []

    def deliver(event: gapless.LogEvent, origin: gapless.Origin) -> None:
        delivered.append((event["id"], threading.current_thread().name))

    with serving(generation) as server, gapless.open_conversation_blocking(*server.at, subscriber=deliver) as opened:
        opened.send("Complete the task")
        report = opened.run()
        assert (report.complete, report.status) == (True, "finished")
        held = [event["id"] for event in opened.events]
        assert held == [event["id"] for event in opened.history()] == server.log()
        assert sorted(delivered) == sorted((event_id, "gapless") for event_id in held)
        assert len(client_threads()) == 1
        opened.close()
        opened.close()
    assert client_threads() == []
    assert [event["id"] for event in opened.events] == held
    assert opened.report().held_events == len(held)
    for call in (opened.run, lambda: opened.send("Go on")):
        with pytest.raises(gapless.ConversationClosed):
            call()


def test_a_long_log_is_read_page_by_page_and_may_be_left() -> None:
    long = {"history_events": 1200, "runs": [{"init_s": 0.01, "actions": 2, "step_s": 0.01}]}
    with serving(workload=long) as server, gapless.open_conversation_blocking(*server.at) as opened:
        before = opened.report().spent.calls
        history = opened.history()
        assert [next(history)["id"] for _ in range(120)] == server.log()[:120]
        assert opened.report().spent.calls <= before + 2, "nothing is read ahead"
        assert [event["id"] for event in history] == server.log()[120:]
        with pytest.raises(StopIteration):
            next(history)


def test_an_attach_that_fails_raises_its_error_and_leaves_no_thread() -> None:
    with serving() as server, pytest.raises(gapless.ConversationNotFound):
        gapless.open_conversation_blocking(server.url, "00000000-0000-0000-0000-000000000000")
    with pytest.raises(gapless.SettingsError, match="base_url"):
        gapless.open_conversation_blocking("nowhere", "none")
    assert client_threads() == []


def test_several_threads_use_one_conversation_at_once() -> None:
    with (
        serving() as server,
        gapless.open_conversation_blocking(*server.at) as opened,
        ThreadPoolExecutor(8) as pool,
    ):
        sent = [pool.submit(opened.send, f"message {number}") for number in range(4)]
        read = [pool.submit(lambda: [event["id"] for event in opened.history()]) for _ in range(2)]
        ran = pool.submit(opened.run)
        assert [future.result(SOON_S) for future in sent] == [None] * 4
        assert all(future.result(SOON_S) for future in read)
        assert ran.result(SOON_S).complete
        assert [event["id"] for event in opened.events] == server.log()


def test_threads_that_share_an_iteration_get_different_events() -> None:
    with serving() as server, gapless.open_conversation_blocking(*server.at) as opened, ThreadPoolExecutor(4) as pool:
        opened.run()
        history = opened.history()
        parts = list(pool.map(lambda _: [event["id"] for event in history], range(4)))
        assert sorted(event_id for part in parts for event_id in part) == sorted(server.log())


def test_closing_ends_the_calls_of_other_threads_with_a_typed_error() -> None:
    with serving(workload=LONG_RUN) as server, ThreadPoolExecutor(2) as pool:
        opened = gapless.open_conversation_blocking(*server.at)
        running = pool.submit(opened.run)
        time.sleep(0.1)
        with pytest.raises(gapless.SyncError, match="running already"):
            opened.run()
        opened.close()
        with pytest.raises(gapless.ConversationClosed):
            running.result(SOON_S)
    assert client_threads() == []


def test_a_subscriber_may_read_what_is_held_but_not_wait() -> None:
    seen: list[int] = []

    def reads(event: gapless.LogEvent, origin: gapless.Origin) -> None:
        seen.append(len(opened.events) + opened.report().held_events)

    def waits(event: gapless.LogEvent, origin: gapless.Origin) -> None:
        opened.send("from a subscriber")

    def closes(event: gapless.LogEvent, origin: gapless.Origin) -> None:
        opened.close()

    for subscriber in (waits, closes):
        with serving() as server, gapless.open_conversation_blocking(*server.at) as opened:
            opened.subscribe(reads)
            opened.subscribe(subscriber)
            with pytest.raises(gapless.SubscriberFailed) as caught:
                opened.run()
            assert isinstance(caught.value.__cause__, gapless.WrongLoop)
            assert "another thread" in str(caught.value.__cause__)
    assert seen


def test_a_conversation_that_nobody_closes_is_closed_with_a_warning() -> None:
    with serving() as server, pytest.warns(ResourceWarning, match="never closed"):
        gapless.open_conversation_blocking(*server.at)
    assert client_threads() == []


PROGRAM = """
import sys, time
import gapless
if sys.argv[1] == "attach":
    print("waits", flush=True)
conversation = gapless.open_conversation_blocking(*sys.argv[2:])
def interrupted():
    began = time.monotonic()
    try:
        print("waits", flush=True)
        conversation.run()
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - began < 4, flush=True)
        try:
            conversation.run(run_timeout_s=0.1)
        except gapless.RunTimedOut:
            print("ran again", flush=True)
match sys.argv[1]:
    case "block":
        with conversation:
            print("waits", flush=True)
            conversation.run()
    case "again":
        with conversation:
            interrupted()
    case "forgets":
        print("ends", flush=True)
"""


def start(case: str, *arguments: str) -> subprocess.Popen[str]:
    """A program of its own, for signals reach main threads alone."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, case, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C when it waits; what it prints then."""
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=20)


def test_an_interrupt_ends_a_run_its_block_and_the_program() -> None:
    with serving(workload=LONG_RUN) as server:
        process = start("block", *server.at)
        _, errors = interrupt(process)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1, errors


def test_an_interrupted_run_is_given_up_and_the_next_one_begins() -> None:
    with serving(workload=LONG_RUN) as server:
        process = start("again", *server.at)
        printed, errors = interrupt(process)
    assert (process.returncode, "Traceback" in errors) == (0, False)
    assert printed.splitlines() == ["interrupted True", "ran again"]


def test_an_interrupt_before_a_call_has_begun_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is cancelled before its first step, and must end all the same."""

    class Interrupted(Future[gapless.SyncReport]):
        def result(self, timeout: float | None = None) -> gapless.SyncReport:
            raise KeyboardInterrupt

    with serving(workload=LONG_RUN) as server, gapless.open_conversation_blocking(*server.at) as opened:
        with monkeypatch.context() as patched:
            patched.setattr(client_thread, "Future", Interrupted)
            with pytest.raises(KeyboardInterrupt):
                opened.run()
        with pytest.raises(gapless.RunTimedOut):
            opened.run(run_timeout_s=0.1)


def test_a_program_ends_although_it_forgot_to_close() -> None:
    with serving() as server:
        process = start("forgets", *server.at)
        printed, errors = process.communicate(timeout=20)
    assert (process.returncode, printed) == (0, "ends\n")
    assert "Traceback" not in errors


def test_an_interrupt_during_the_attach_leaves_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start("attach", f"http://127.0.0.1:{silent.getsockname()[1]}", "none")
        began_s = time.monotonic()
        _, errors = interrupt(process)
        assert time.monotonic() - began_s < SOON_S
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1, errors

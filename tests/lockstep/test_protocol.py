"""The messages and their form; no process."""

from __future__ import annotations

import json

import pytest

from gapless.scenarios.lockstep.protocol import (
    HEAD,
    Blocked,
    CloseConnection,
    Connect,
    Data,
    Ended,
    Hello,
    LockstepError,
    Resumed,
    StartRun,
    decode,
    encode,
)


def _cut(message: bytes) -> tuple[dict[str, object], bytes]:
    text_bytes, tail_bytes = HEAD.unpack_from(message)
    assert len(message) == HEAD.size + text_bytes + tail_bytes
    return json.loads(message[HEAD.size : HEAD.size + text_bytes]), message[HEAD.size + text_bytes :]


def test_bytes_lie_in_the_tail_in_the_order_in_which_they_are_mentioned() -> None:
    said, tail = _cut(encode(Resumed(1.5, (Data(2, b"abc"), Data(1, b"de")))))
    assert said == {"type": "resumed", "now_s": 1.5, "inputs": [["data", 2, 3], ["data", 1, 2]]}
    assert tail == b"abcde"


def test_a_start_says_what_a_run_depends_on() -> None:
    said, _ = _cut(encode(StartRun(7, 5.0, {"GAPLESS_URL": "u"}, [(3, 0)])))
    expected = {"type": "start", "seed": 7, "epoch_s": 5.0, "variables": {"GAPLESS_URL": "u"}, "switches": [[3, 0]]}
    assert said == expected


def test_outputs_are_read_with_their_bytes() -> None:
    outputs = [["connect", 1, "h", 80], ["data", 1, 2], ["close", 1], ["data", 2, 1]]
    text = json.dumps({"type": "blocked", "wake_at_s": None, "outputs": outputs, "points": 4, "switched": 1}).encode()
    expected = (Connect(1, "h", 80), Data(1, b"ab"), CloseConnection(1), Data(2, b"c"))
    assert decode(text, b"abc") == Blocked(None, expected, 4, 1)


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        (b"nonsense", b""),
        (b"[]", b""),
        (b'{"type": "song"}', b""),
        (b'{"type": "blocked"}', b""),
        (b'{"type": "ended", "code": null, "outputs": []}', b""),
        (b'{"type": "outputs", "outputs": [["data", 1, 2]]}', b"a"),
        (b'{"type": "outputs", "outputs": [["sing", 1]]}', b""),
        (b'{"type": "outputs", "outputs": []}', b"left over"),
    ],
)
def test_what_is_no_message_is_an_error_of_the_shim(text: bytes, tail: bytes) -> None:
    with pytest.raises(LockstepError, match="no message of protocol 1"):
        decode(text, tail)


def test_another_version_is_named() -> None:
    with pytest.raises(LockstepError, match="the shim speaks protocol 2, gapless 1"):
        decode(b'{"type": "hello", "protocol": 2}', b"")


def test_a_hello_may_leave_out_what_was_read() -> None:
    said = {
        "type": "hello",
        "protocol": 1,
        "shim": "x",
        "shim_version": "1",
        "runtime": "r",
        "packages": {},
        "forks": False,
    }
    assert decode(json.dumps(said).encode(), b"") == Hello("x", "1", "r", {}, False)


def test_an_end_has_a_code() -> None:
    assert decode(b'{"type": "ended", "code": -9, "outputs": []}', b"") == Ended(-9)

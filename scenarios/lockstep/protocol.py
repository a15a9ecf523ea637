"""The messages between the harness and a shim, and their form on the channel. Pure. See docs/lockstep-protocol.md."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gapless.scenarios.errors import GaplessError

PROTOCOL: Final = 1
HEAD: Final = struct.Struct(">II")  # the lengths of the JSON and of the tail
MESSAGE_BYTES_MAX: Final = 1 << 30
NOT_VIRTUAL_EXIT: Final = 98
TAKEN_EXIT: Final = 97


class LockstepError(GaplessError):
    """A shim that does not keep to the protocol, or a version of it that is not known."""


# --- what a program does, and what happens to it -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """It opens a connection. host: as the program named it."""

    id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Listen:
    """It listens on a port. Only a program that is a server does."""

    id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """A connection to its listener ``id`` stands. new_id: of that connection, chosen by the harness; host, port: of the
    one who dialed."""

    id: int
    new_id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes, in either direction."""

    id: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Eof:
    """One direction has ended: what it sends, as an output; what it receives, as an input."""

    id: int


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """It has closed a connection."""

    id: int


@dataclass(frozen=True, slots=True)
class ResetConnection:
    """A connection is broken: by the program, or under it."""

    id: int


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection stands."""

    id: int


@dataclass(frozen=True, slots=True)
class RefusedConnection:
    """Nobody answers there."""

    id: int


@dataclass(frozen=True, slots=True)
class InputLine:
    """A line of standard input, without its newline."""

    text: str


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """Standard input has ended."""


Output = Connect | Listen | Data | Eof | CloseConnection | ResetConnection
Input = Connected | RefusedConnection | Accepted | Data | Eof | ResetConnection | InputLine | EndOfInput


# --- from the shim -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The program has been imported.

    forks: it can be run again and again; variables_read: the GAPLESS_ variables that it has looked at already; files:
    its source files, without the installed packages.
    """

    shim: str
    shim_version: str
    runtime: str
    packages: Mapping[str, str]
    forks: bool
    variables_read: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """Everything in the program waits. wake_at_s: for its earliest timer, None without one; is_busy: it does not really
    wait, but polls; points, switched: of preemption, passed and taken otherwise than first come, first served."""

    wake_at_s: float | None
    outputs: tuple[Output, ...]
    points: int = 0
    switched: int = 0
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class LastOutputs:
    """What it sent before it left; `Ended` or the end of the channel follows."""

    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Stalled:
    """Something real is waited for."""

    what: str
    stacks: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This program cannot be virtual."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over. code: of the process, minus the signal; None when the channel ended and nobody said."""

    code: int | None
    outputs: tuple[Output, ...] = ()


FromShim = Hello | Blocked | LastOutputs | Stalled | Refused | Ended


# --- to the shim ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartRun:
    """A run begins at virtual second 0. variables: its GAPLESS_ environment; switches: points of preemption and which
    other thread goes on there."""

    seed: int
    epoch_s: float
    variables: Mapping[str, str]
    switches: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Resumed:
    """It is now_s, and this has happened."""

    now_s: float
    inputs: Sequence[Input] = ()


@dataclass(frozen=True, slots=True)
class End:
    """The run is over for the harness: the process exits at once."""


ToShim = StartRun | Resumed | End


def encode(message: ToShim) -> bytes:
    """A message as it goes over the channel."""
    tail = b""
    match message:
        case StartRun():
            said: dict[str, Any] = {
                "type": "start",
                "seed": message.seed,
                "epoch_s": message.epoch_s,
                "variables": dict(message.variables),
                "switches": [list(one) for one in message.switches],
            }
        case Resumed():
            said = {"type": "resumed", "now_s": message.now_s, "inputs": [_input(one) for one in message.inputs]}
            tail = b"".join(one.data for one in message.inputs if isinstance(one, Data))
        case End():
            said = {"type": "end"}
    text = json.dumps(said, separators=(",", ":")).encode()
    return HEAD.pack(len(text), len(tail)) + text + tail


def _input(one: Input) -> list[object]:
    match one:
        case Connected():
            return ["connected", one.id]
        case RefusedConnection():
            return ["refused", one.id]
        case Accepted():
            return ["accepted", one.id, one.new_id, one.host, one.port]
        case Data():
            return ["data", one.id, len(one.data)]
        case Eof():
            return ["eof", one.id]
        case ResetConnection():
            return ["reset", one.id]
        case InputLine():
            return ["line", one.text]
        case EndOfInput():
            return ["end-of-input"]


def decode(text: bytes, tail: bytes) -> FromShim:
    """A message of a shim. Raises LockstepError for what is none."""
    try:
        said = json.loads(text)
        match said["type"]:
            case "hello":
                return _hello(said)
            case "blocked":
                wake_at_s = said["wake_at_s"]
                return Blocked(
                    None if wake_at_s is None else float(wake_at_s),
                    _outputs(said["outputs"], tail),
                    int(said["points"]),
                    int(said["switched"]),
                    bool(said.get("busy", False)),
                )
            case "outputs":
                return LastOutputs(_outputs(said["outputs"], tail))
            case "stalled":
                return Stalled(str(said["what"]), str(said["stacks"]))
            case "refused":
                return Refused(str(said["why"]))
            case "ended":
                return Ended(int(said["code"]), _outputs(said["outputs"], tail))
            case other:
                raise LockstepError(f"the shim says {other!r}, which is no message of protocol {PROTOCOL}")
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise LockstepError(f"the shim says what is no message of protocol {PROTOCOL}: {text[:200]!r}") from error


def _hello(said: Mapping[str, Any]) -> Hello:
    if said["protocol"] != PROTOCOL:
        raise LockstepError(
            f"the shim speaks protocol {said['protocol']}, gapless {PROTOCOL}; use the shim that gapless brings"
        )
    return Hello(
        str(said["shim"]),
        str(said["shim_version"]),
        str(said["runtime"]),
        {str(name): str(version) for name, version in said["packages"].items()},
        bool(said["forks"]),
        tuple(str(name) for name in said.get("variables_read", ())),
        tuple(str(path) for path in said.get("files", ())),
    )


_KINDS: Final[Mapping[str, type[Eof] | type[CloseConnection] | type[ResetConnection]]] = {
    "eof": Eof,
    "close": CloseConnection,
    "reset": ResetConnection,
}
_Kind = Literal["connect", "listen", "data", "eof", "close", "reset"]


def _outputs(said: Sequence[Any], tail: bytes) -> tuple[Output, ...]:
    outputs: list[Output] = []
    offset = 0
    for one in said:
        kind: _Kind = one[0]
        if kind == "connect":
            outputs.append(Connect(int(one[1]), str(one[2]), int(one[3])))
        elif kind == "listen":
            outputs.append(Listen(int(one[1]), str(one[2]), int(one[3])))
        elif kind == "data":
            size_bytes = int(one[2])
            outputs.append(Data(int(one[1]), tail[offset : offset + size_bytes]))
            offset += size_bytes
        else:
            outputs.append(_KINDS[kind](int(one[1])))
    if offset != len(tail):
        raise ValueError("the tail is not as long as the outputs say")
    return tuple(outputs)

"""A fake agent server: a pure model of an agent, served over real HTTP and WebSocket bytes in virtual time.

Its files, in reading order:

- `world.py`        one fake server with its conversation, faults and clock; start here to use it
- `settings.py`     the kind of server: generation, cursor mode, API key
- `errors.py`       the errors of this package
- `choices.py`      all randomness: named streams of choices, recorded on one tape
- `journal.py`      the record of everything that happened in a run
- `messages.py`     headers and bodies of its messages, for people who look at it
- `determinism.py`  virtual time and a seeded scheduler
- `waiting.py`      waits on trio, made cheap
- `process.py`      the simulated process: its clock, its tasks, whether it is down
- `conversation/`   the agent, its log, its runs, and what is published
- `protocol/`       REST calls and WebSockets, as the real server speaks them
- `network/`        connections in memory, and what carries HTTP over them
- `faults/`         the faults as data, one kind a file
- `link.py`         asks the faults, counts how often they fire, and acts on connections
- `port.py`         a world on a real TCP port
- `recordings/`     what agent-server 1.57.0 sent, for recorded workloads and the fidelity test
"""

if __name__ == "simserver":  # the folder of a checkout, found by its bare name
    raise ImportError(
        "import gapless.simserver; the folder simserver/ is a part of the package gapless, and has no other name"
    )


from gapless.simserver.choices import Choices, Ranges, SeededSource, Source, Tape, TapeSource
from gapless.simserver.conversation.agent import Agent, Publication
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.conversation.event_log import EventLog
from gapless.simserver.conversation.workload import (
    AgentStep,
    AgentWorkload,
    BackgroundAction,
    EndStatus,
    Pause,
    RunPlan,
    pairs,
    recorded,
    recorded_rows,
)
from gapless.simserver.determinism import run_deterministic
from gapless.simserver.errors import (
    ConfigError,
    IllegalTransition,
    JournalFull,
    ServerCrashed,
    SimServerError,
    TapeError,
)
from gapless.simserver.faults import KINDS as FAULT_KINDS
from gapless.simserver.faults import BaseFault, Fault, Match, parse_fault
from gapless.simserver.journal import Entry, Journal
from gapless.simserver.link import FaultCount
from gapless.simserver.port import serve_tcp
from gapless.simserver.settings import CursorMode, ServerGeneration, ServerSettings, UnknownCursor
from gapless.simserver.world import World

__all__ = [
    "FAULT_KINDS",
    "Agent",
    "AgentStep",
    "AgentWorkload",
    "BackgroundAction",
    "BaseFault",
    "Choices",
    "ConfigError",
    "CursorMode",
    "EndStatus",
    "Entry",
    "EventBody",
    "EventLog",
    "Fault",
    "FaultCount",
    "IllegalTransition",
    "Journal",
    "JournalFull",
    "Match",
    "Pause",
    "Publication",
    "Ranges",
    "RunPlan",
    "SeededSource",
    "ServerCrashed",
    "ServerGeneration",
    "ServerSettings",
    "SimServerError",
    "Source",
    "Tape",
    "TapeError",
    "TapeSource",
    "UnknownCursor",
    "World",
    "pairs",
    "parse_fault",
    "recorded",
    "recorded_rows",
    "run_deterministic",
    "serve_tcp",
]

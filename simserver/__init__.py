"""The fake agent server: a pure model of the agent, served over real HTTP and WebSocket bytes in virtual time.

Its files, in reading order:

errors.py       what can go wrong, by whose fault
choices.py      the only source of randomness: named streams, recorded on one tape
journal.py      the record of everything that happened
determinism.py  virtual time and a seeded scheduler
loop.py         what the server asks of an event loop
settings.py     which server this is: generation, cursors, keys
workload.py     what the agent and others will do, as data; also from a recording
ids.py          event ids: deterministic and invertible
events.py       the bodies of events
history.py      a made-up past, computed on demand
eventlog.py     the log
archive.py      what of the log is on disk, and since when
agent.py        the fake agent: a pure model, and the truth
pages.py        searching the log: pages, cursors, filters
wire.py         envelopes, pages and complaints, as text
validation.py   what a request may say
rest.py         the REST calls
outbox.py       what one subscriber is still to be sent, and when
websocket.py    the two sockets
app.py          the routes
streams.py      byte streams in memory, with latency, stalls and resets
transport.py    httpx over those streams
hosting.py      Hypercorn over any stream
port.py         a world on a real port: every fault acts there too
faults/         one kind a file
link.py         consults the faults, counts, acts
process.py      the server's clock and tasks; whether it is down
connections.py  how the server is reached in memory
fates.py        what the faults make of an event that is about to be appended
publisher.py    an event goes to the disk and to the subscribers
runs.py         the agent's runs, from beginning to end
world.py        all of it together: start here to use it
recordings/     what a real server said (agent-server 1.57.0), for workloads and the fidelity test
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
    EndStatus,
    Happening,
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
    "Happening",
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

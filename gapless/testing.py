"""What a program that tests a client imports from gapless. These names are kept; what they are made of may move.

- a client under test is given a `ClientContext`, is made by a `Factory`, does what `ClientUnderTest` says, and answers
  `run()` with a `Claim`; over TCP it does what `ClientOverTcp` says
- `Scenario` is one race as data; `catalogue` has all that ship, `find` and `find_one` look one up, `load_file` reads a
  TOML file
- `RunRequest` is one run, `perform` performs it, and `RunResult` is what it leaves, with its `RunRecord` and `Verdict`
- `GaplessRun` and `GaplessServer` are the types of the pytest fixtures `gapless_run` and `gapless_server`
- `GaplessError` and `UsageError` are what they raise

Needs the harness: ``pip install 'gapless[harness]'``.
"""

from __future__ import annotations

from gapless.harness import missing

_problem = missing()
if _problem is not None:
    raise ImportError(f"gapless.testing: {_problem}")

from gapless.reports.records.record import RunRecord, Verdict, Violation  # noqa: E402  # a part that lacks is said first
from gapless.scenarios.clients.contract import (  # noqa: E402
    Claim,
    ClientContext,
    ClientUnderTest,
    Event,
    Factory,
    GapIds,
    NoHistory,
    OnEvent,
    ReadsHistory,
)
from gapless.scenarios.definition.catalogue import catalogue, find, find_one  # noqa: E402
from gapless.scenarios.definition.loading import load_file  # noqa: E402
from gapless.scenarios.definition.scenario import Scenario  # noqa: E402
from gapless.scenarios.errors import GaplessError, ScenarioError, UsageError  # noqa: E402
from gapless.scenarios.plugin.real_time import ClientOverTcp, GaplessServer  # noqa: E402
from gapless.scenarios.plugin.virtual_time import GaplessRun  # noqa: E402
from gapless.scenarios.running.runner import RunRequest, RunResult, perform  # noqa: E402

__all__ = [
    "Claim",
    "ClientContext",
    "ClientOverTcp",
    "ClientUnderTest",
    "Event",
    "Factory",
    "GapIds",
    "GaplessError",
    "GaplessRun",
    "GaplessServer",
    "NoHistory",
    "OnEvent",
    "ReadsHistory",
    "RunRecord",
    "RunRequest",
    "RunResult",
    "Scenario",
    "ScenarioError",
    "UsageError",
    "Verdict",
    "Violation",
    "catalogue",
    "find",
    "find_one",
    "load_file",
    "perform",
]

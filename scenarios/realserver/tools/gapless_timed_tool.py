# mypy: ignore-errors
"""A tool for the published agent server that takes time and needs no shell. The server imports it when it starts.

It is the server's own tool ``think`` with another executor, so every client of that server knows its events. A thought
that ends with ``(takes 0.1 s)`` takes so long.

The module also does, before the process forks, what the server would do in each of its runs. It imports what the server
would import in its first run: `GAPLESS_MODULES` names a file that lists those modules, and a thought that begins with
``modules`` writes such a list. And it lets the server build its routes, which is half of what a short run costs.
"""

import importlib
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

from openhands.sdk.tool import register_tool
from openhands.sdk.tool.builtins.think import ThinkObservation, ThinkTool
from openhands.sdk.tool.tool import ToolExecutor

_TAKES = re.compile(r"\(takes ([\d.e-]+) s\)$")


class TimedExecutor(ToolExecutor):
    """Waits, and says what was thought."""

    def __call__(self, action, conversation=None):
        if action.thought.startswith("modules "):
            names = sorted(name for name, module in sys.modules.items() if module is not None)
            Path(action.thought.split()[1]).write_text("\n".join(names))
        found = _TAKES.search(action.thought)
        if found:
            time.sleep(float(found[1]))
        return ThinkObservation.from_text(text=f"result of {action.thought}")


register_tool("timed", ThinkTool.create()[0].set_executor(TimedExecutor()))

_listed = Path(os.environ.get("GAPLESS_MODULES", os.devnull))
for _name in _listed.read_text().split() if _listed.is_file() else ():
    if _name not in sys.modules and not _name.startswith(("__", "_gapless")):
        with suppress(Exception):
            importlib.import_module(_name)

# FastAPI builds the routes of a router at the first request that may be for one of them.
_api = sys.modules.get("openhands.agent_server.api")
for _route in _api.api.routes if _api is not None else ():
    with suppress(Exception):
        _route.matches({"type": "http", "method": "GET", "path": "/api/gapless", "root_path": "", "headers": []})

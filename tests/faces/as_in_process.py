"""Runs a program of our client with the chance that it has in process, and loads what it needs once for all runs.

python as_in_process.py gapless_asyncio.py
"""

import functools
import importlib
import random
import runpy
import sys

import gapless

NETWORK = ("http_and_websocket", "websocket_on_asyncio", "websocket_on_trio", "client_thread")
for name in NETWORK:
    importlib.import_module(f"gapless.syncclient.network.{name}")
importlib.import_module("anyio._backends._asyncio")

draw = random.Random("0/client").random  # as `gapless.scenarios.clients.ours` has it with seed 0
for name in ("open_conversation", "open_conversation_blocking"):
    setattr(gapless, name, functools.partial(getattr(gapless, name), draw=draw))
runpy.run_path(sys.argv[1], run_name="__main__")

"""Runs a program of our client as it is run in this process: with the same chance, and loaded once for all runs.

    python as_in_process.py gapless_asyncio.py
"""

import functools
import random
import runpy
import sys

import anyio._backends._asyncio
import anyio._backends._trio
import httpcore
import httpx

import gapless
import gapless.syncclient.network.client_thread
import gapless.syncclient.network.http_and_websocket
import gapless.syncclient.network.websocket_on_asyncio
import gapless.syncclient.network.websocket_on_trio

draw = random.Random("0/client").random  # as `gapless.scenarios.clients.ours` does, with seed 0
gapless.open_conversation = functools.partial(gapless.open_conversation, draw=draw)
gapless.open_conversation_blocking = functools.partial(gapless.open_conversation_blocking, draw=draw)
runpy.run_path(sys.argv[1], run_name="__main__")

"""An adapter for a client class on asyncio: copy it beside your program, and nobody writes the loop over the steps.

    import adapter_asyncio

    class Client:
        errors = (OSError,)                     # with these it gives up a step; any other exception is a crash

        def __init__(self, url, conversation_id, api_key, reached): ...
        async def attach(self): ...
        async def send(self, text): ...
        async def run(self): ...                # starts the agent, and returns when the run is over
        async def close(self): ...
        def held(self): ...                     # the ids of the log events that it has, in the log's order

    if __name__ == "__main__":
        adapter_asyncio.main(Client)

Then `gapless run clean-run -- python my_client.py`. Call `reached(event_id)` once for each event that reaches the
application; without it, deliveries are not judged. `run` may return a dict with what it claims: `status`,
`complete`, `covers`, `proof`, `gaps`. Only the standard library is needed, from Python 3.9 on.
"""

import asyncio
import json
import os
import sys
import threading

_lock = threading.Lock()  # `reached` may be called in any thread


def say(**report):
    """Print one line of the step protocol."""
    with _lock:
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


def main(make_client):
    """Make a client, and do the steps that are asked for until the input ends."""
    asyncio.run(_main(make_client))


async def _main(make_client):
    client = make_client(
        url=os.environ["GAPLESS_URL"],
        conversation_id=os.environ["GAPLESS_CONVERSATION_ID"],
        api_key=os.environ.get("GAPLESS_API_KEY"),
        reached=lambda event_id: say(id=event_id),
    )
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        step = asked["step"]
        try:
            claim = await (client.send(asked["text"]) if step == "send" else getattr(client, step)())
        except getattr(client, "errors", ()) as error:
            say(failed=step, error=f"{type(error).__name__}: {error}")
            continue
        held = {"held": list(client.held())} if hasattr(client, "held") else {}
        say(done=step, **held, **(claim if step == "run" and claim else {}))

"""The sync client of gapless on asyncio, as a program that the harness asks for its steps.

    gapless run R10 -- python gapless_asyncio.py

It says all that can be judged: what it holds and where it has gaps, what was delivered, and what it claims of a run.
"""

import asyncio
import json
import os
import sys

import gapless


def say(**line):
    print(json.dumps(line), flush=True)


def deliver(event, origin):
    if origin != "update":  # newer content of an event that was delivered
        say(id=event["id"], repaired=None if origin == "resumed" else origin == "repair")


def holds(conversation):
    gaps = [(gap.after_id, gap.before_id) for gap in conversation.report().gaps]
    return {"held": conversation.events, "gaps": gaps}


def claims(conversation, report):
    claim = {"complete": report.complete, "covers": report.covers, "proof": report.proof, "status": report.status}
    if report.complete and report.covers == "log":
        totals = [event["value"] for event in conversation.events if event.get("key") == "stats"]
        claim["statistics"] = totals[-1] if totals else None
    return claim | {"error": report.error or "", "calls": report.spent.calls}


async def perform(conversation, step, text=None):
    if step == "send":
        await conversation.send(text)
        return {}
    if step == "run":
        report = await conversation.run()
        return claims(conversation, report) | holds(conversation)
    return {"read": [event async for event in conversation.history()]}  # the step "history"


async def next_step():
    return json.loads(await asyncio.to_thread(sys.stdin.readline) or '{"step": "close"}')


async def main(url, conversation_id, api_key=None, store=None):
    await next_step()  # the first is "attach"
    try:
        async with gapless.open_conversation(
            url, conversation_id, api_key=api_key, subscriber=deliver, store=store and gapless.SqliteStore(store)
        ) as conversation:
            say(done="attach", **holds(conversation))
            while (asked := await next_step())["step"] != "close":
                try:
                    say(done=asked["step"], **await perform(conversation, **asked))
                except gapless.SyncError as error:
                    say(failed=asked["step"], error=f"{type(error).__name__}: {error}")
        say(done="close", **holds(conversation))
    except gapless.SyncError as error:
        say(failed="attach", error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    names = ("GAPLESS_URL", "GAPLESS_CONVERSATION_ID", "GAPLESS_API_KEY", "GAPLESS_STORE")
    asyncio.run(main(*map(os.environ.get, names)))

"""The OpenHands SDK, as it is published: its `Conversation`, unmodified, does the steps that `gapless check` asks for.

    python3.12 -m venv sdk && sdk/bin/pip install openhands-sdk
    gapless check r10-late-tail -- sdk/bin/python openhands_sdk.py

It runs in an environment that has the SDK. gapless need not be in it.

Importing the SDK is slow, so one process can go through many scenarios. For that an attach step may have other values
than the environment: `url`, and `conversation_id` (null: a new conversation). With `keep`, the conversation is not
deleted when it is closed. Answers and events have `attach`, the number of the attach to which they belong.

What the SDK prints goes to standard error.
"""

import json
import os
import sys
import threading
import uuid
from importlib.metadata import version
from typing import Any, TextIO

# Only answers go to the real standard output.
_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else a file is fetched at import

from openhands.sdk import LLM, Action, Agent, Conversation, Observation, RemoteWorkspace  # noqa: E402
from pydantic import SecretStr  # noqa: E402

RUN_S_MAX = 120.0
_lock = threading.Lock()


class TerminalAction(Action):
    """The action of the agent's tool. The SDK can read a conversation only when it knows the tools in it."""

    command: str


class TerminalObservation(Observation):
    """The observation of the agent's tool."""


def say(**fields: Any) -> None:
    """Print one line. The lock is needed because callbacks run in the SDK's threads."""
    with _lock:
        print(json.dumps(fields), file=_answers, flush=True)


def main(steps: TextIO) -> None:
    """Do the steps until the input ends."""
    say(imported=version("openhands-sdk"))
    conversation: Any = None
    attach = 0
    for line in steps:
        step = json.loads(line)
        try:
            match step["step"]:
                case "attach":
                    attach, conversation = attach + 1, None
                    conversation = connect(step, attach)
                case "send":
                    conversation.send_message(step["text"])
                case "run":
                    conversation.run(timeout=RUN_S_MAX)
                case "close":
                    conversation.close()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            say(failed=step["step"], error=said, held=held(conversation), attach=attach)
        else:
            say(done=step["step"], held=held(conversation), attach=attach)


def connect(step: dict[str, Any], attach: int) -> Any:
    """Construct a conversation as any program does: with an agent, a workspace and a callback."""
    existing = step.get("conversation_id", os.environ.get("GAPLESS_CONVERSATION_ID"))

    def callback(event: Any) -> None:
        if not is_snapshot(event):
            say(id=event.id, attach=attach)

    return Conversation(
        agent=Agent(llm=LLM(model="openai/scripted", api_key=SecretStr("none"), usage_id="agent"), tools=[]),
        workspace=RemoteWorkspace(
            host=step.get("url") or os.environ["GAPLESS_URL"],
            working_dir="/workspace",
            api_key=os.environ.get("GAPLESS_API_KEY"),
        ),
        conversation_id=uuid.UUID(existing) if existing else None,
        callbacks=[callback],
        visualizer=None,
        **({"delete_on_close": False} if step.get("keep") else {}),
    )


def held(conversation: Any) -> list[str]:
    """The ids of the events that the SDK holds, in its order, without the snapshots that it keeps among them."""
    return [] if conversation is None else [one.id for one in conversation.state.events if not is_snapshot(one)]


def is_snapshot(event: Any) -> bool:
    """Whether the event is a full state. Those are not in the log."""
    return getattr(event, "key", None) == "full_state"


if __name__ == "__main__":
    main(sys.stdin)

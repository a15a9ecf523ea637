"""A client without a socket, on the standard library alone, for tests of `check`: it asks REST for everything.

Its words say how it differs from a good one; each is looked for below.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

API = f"{os.environ['GAPLESS_URL']}/api/conversations/{os.environ['GAPLESS_CONVERSATION_ID']}"
WORDS = set(sys.argv[1:])


def call(path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "X-Session-API-Key": os.environ.get("GAPLESS_API_KEY", "")}
    with urllib.request.urlopen(urllib.request.Request(API + path, data, headers)) as response:
        return json.load(response)


def log() -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        page = call(f"/events/search?limit=100{cursor}")
        ids += [event["id"] for event in page["items"]]
        if page["next_page_id"] is None:
            return list(dict.fromkeys(ids))
        cursor = f"&page_id={page['next_page_id']}"


def send(text: str) -> None:
    call("/events", {"role": "user", "content": [{"type": "text", "text": text}], "run": False})


def run() -> None:
    call("/run", {})
    while call("")["execution_status"] != "running":
        time.sleep(0.002)
    while call("")["execution_status"] == "running":
        time.sleep(0.002)
    time.sleep(0.1)  # for the server's last word


def say(report: dict[str, Any]) -> None:
    text = json.dumps(report)
    if "file" in WORDS:
        with open(os.environ["GAPLESS_REPORT"], "a", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def answers(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if step["step"] == "send":
        send(step["text"])
    elif step["step"] == "run":
        run()
        misbehave()
    held = log()
    if "lossy" in WORDS and step["step"] == "run":
        held = held[:-3] + held[-1:]
    if "typed" in WORDS and step["step"] == "run":
        yield {"failed": "run", "error": "nobody answered"}
    elif "nonsense" in WORDS and step["step"] == "run":
        yield {"done": "run", "held": "all of them"}
    elif "reaching" in WORDS:
        yield from ({"id": event_id, "kind": "whatever"} for event_id in held if event_id not in said)
        said.update(held)
        yield {"done": step["step"]}
    else:
        yield {"done": step["step"], "held": held}


said: set[str] = set()


def misbehave() -> None:
    if "crash" in WORDS:
        raise RuntimeError("the sky fell down")
    if "exit" in WORDS:
        sys.exit(0)
    if "hang" in WORDS:
        time.sleep(3600)
    if "child" in WORDS:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])


def main() -> None:
    if "noisy" in WORDS:
        sys.stdout.write('plain words\n{"level": "info"}\n[1, 2\n\x1b[31mred\x1b[0m\n' + "x" * 100_000 + "\n")
        sys.stderr.write("a warning\n" * 300)
    if "alone" in WORDS:
        send("Do the task")
        run()
        misbehave()
        if "mute" not in WORDS:
            for event_id in log():
                say({"id": event_id})
        return
    for line in sys.stdin:
        for answer in answers(json.loads(line)):
            say(answer)


main()

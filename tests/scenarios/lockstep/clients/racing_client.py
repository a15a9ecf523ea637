"""A client with a race between its threads: two read the log, and each checks outside of the lock what is known.

In the order first come, first served, one thread has taken a whole page before the other begins. Only a switch between
the check and the lock makes both take the same event. For the servers before the session socket.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

BASE = f"{os.environ['GAPLESS_URL']}/api/conversations/{os.environ['GAPLESS_CONVERSATION_ID']}"
LOOK_S = 5.0
lock = threading.Lock()
log: list[str] = []
statuses: list[str] = []


def call(path: str, body: object = None) -> dict:
    while True:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(BASE + path, data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                return {}
        except (OSError, ValueError):
            pass
        time.sleep(1)


def take(event: dict) -> None:
    if event["id"] in log:
        return
    with lock:  # the race: another thread may have taken it since
        log.append(event["id"])
        if event.get("key") == "execution_status":
            statuses.append(event["value"])
        say({"id": event["id"]})


def say(report: dict) -> None:
    print(json.dumps(report), flush=True)


def read() -> None:
    query = "limit=100" + (f"&page_id={log[-1]}" if log else "")
    for event in call(f"/events/search?{query}").get("items", []):
        take(event)


def follow() -> None:
    while True:
        read()
        time.sleep(LOOK_S)


for line in sys.stdin:
    step = json.loads(line)
    if step["step"] == "attach":
        for _ in range(2):
            threading.Thread(target=follow, daemon=True).start()
    elif step["step"] == "send":
        call("/events", {"role": "user", "content": [{"type": "text", "text": step["text"]}]})
    elif step["step"] == "run":
        before = len(statuses)
        call("/run", {})
        while "running" not in statuses[before:] or statuses[-1] == "running":
            time.sleep(LOOK_S)
    say({"done": step["step"]})
os._exit(0)

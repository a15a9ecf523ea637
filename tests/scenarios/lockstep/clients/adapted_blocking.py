"""A client class that blocks, behind the adapter: it reads the log over REST, and looks for the end of a run there."""

import json
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4] / "scenarios" / "examples"))
import adapter_blocking

LOOK_S = 0.5


class GivesUp(Exception):
    """What this client ends a step with."""


class Client:
    errors = (GivesUp,)

    def __init__(self, url, conversation_id, api_key, reached):
        self.base, self.reached = f"{url}/api/conversations/{conversation_id}", reached
        self.log: dict[str, dict] = {}

    def attach(self) -> None:
        self.read()

    def send(self, text: str) -> None:
        if "--gives-up" in sys.argv:
            raise GivesUp("not today")
        self.call("/events", {"role": "user", "content": [{"type": "text", "text": text}]})

    def run(self) -> dict:
        before = len(self.log)
        self.call("/run", {})
        while not self.statuses(before) or self.statuses(before)[-1] == "running":
            time.sleep(LOOK_S)
            self.read()
        return {"status": self.statuses(before)[-1]}

    def close(self) -> None:
        self.read()

    def held(self) -> list[str]:
        return list(self.log)

    def statuses(self, since: int) -> list[str]:
        return [one["value"] for one in [*self.log.values()][since:] if one.get("key") == "execution_status"]

    def read(self) -> None:
        query = f"limit=100&page_id={next(reversed(self.log))}" if self.log else "limit=100"
        for event in self.call(f"/events/search?{query}")["items"]:
            if event["id"] not in self.log:
                self.log[event["id"]] = event
                self.reached(event["id"])

    def call(self, path: str, body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


if __name__ == "__main__":
    adapter_blocking.main(Client)

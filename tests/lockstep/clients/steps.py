"""What the clients in this folder share: the lines of the steps, and what is known of the conversation. No library."""

# mypy: ignore-errors

import json
import os
import sys

URL, ID = os.environ["GAPLESS_URL"], os.environ["GAPLESS_CONVERSATION_ID"]
KEY = {"X-Session-API-Key": os.environ["GAPLESS_API_KEY"]} if "GAPLESS_API_KEY" in os.environ else {}
BASE = f"{URL}/api/conversations/{ID}"
SOCKET = f"{URL.replace('http', 'ws', 1)}/sockets/session/{ID}"


def message(text):
    """The body of a user's message."""
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def say(step, held):
    """A step is done."""
    print(json.dumps({"done": step, "held": held}), flush=True)


def serve(client):
    """Take steps for a client that blocks."""
    for line in sys.stdin:
        asked = json.loads(line)
        call = getattr(client, asked["step"])
        call(asked["text"]) if "text" in asked else call()
        say(asked["step"], client.held())


class Conversation:
    """What the session socket has said: events by their number, and the newest snapshot."""

    def __init__(self):
        self.log, self.snapshot = {}, {}

    def socket_url(self):
        """Go on after the last event up to which nothing is missing."""
        whole = next(number for number in range(-1, len(self.log)) if number + 1 not in self.log)
        return f"{SOCKET}?after_seq={whole}"

    def take(self, text):
        """A frame has come."""
        frame = json.loads(text)
        event = frame.get("event", {})
        if frame["type"] == "durable":
            self.log[frame["seq"]] = event
        if event.get("value") == "running":
            self.snapshot.clear()
        elif event.get("key") == "full_state":
            self.snapshot.update(event["value"])

    def is_over(self, begun):
        """The agent has been seen at work since, and a later snapshot says that it rests."""
        ran = any(self.log[at].get("value") == "running" for at in self.log if at >= begun)
        return ran and self.snapshot.get("execution_status", "running") != "running"

    def held(self):
        """The ids, in order."""
        return [self.log[at]["id"] for at in sorted(self.log)]


class Poller:
    """A client without a socket: ``call(method, path, body)`` answers what the server does, decoded."""

    def __init__(self, call, sleep):
        self.call, self.sleep, self.events = call, sleep, []

    def attach(self):
        """Read all events, page by page."""
        found, page = [], None
        while True:
            answer = self.call("GET", "/events/search?limit=100" + (f"&page_id={page}" if page else ""), None)
            found += answer["items"]
            page = answer["next_page_id"]
            if not page:
                break
        self.events = found

    def send(self, text):
        """Post a message."""
        self.call("POST", "/events", message(text))

    def run(self):
        """Start the agent, and ask for its state until it rests."""
        self.call("POST", "/run", {})
        self.sleep(0.5)
        while self.call("GET", "", None)["execution_status"] == "running":
            self.sleep(0.5)
        self.attach()

    def close(self):
        """Nothing to be closed."""

    def held(self):
        """The ids, in order."""
        return [event["id"] for event in self.events]

"""A socket on a thread of its own, by websockets; REST by urllib."""

# mypy: ignore-errors

import json
import threading
import time
import urllib.request

import websockets.exceptions
import websockets.sync.client

from steps import BASE, KEY, Conversation, message, serve


class Client(Conversation):
    def __init__(self):
        super().__init__()
        self.news = threading.Condition()
        self.closing = False

    def listen(self):
        while not self.closing:
            try:
                with websockets.sync.client.connect(
                    self.socket_url(), additional_headers=KEY, open_timeout=5
                ) as socket:
                    for text in socket:
                        with self.news:
                            self.take(text)
                            self.news.notify_all()
            except (OSError, TimeoutError, websockets.exceptions.WebSocketException):
                time.sleep(0.2)

    def post(self, path, body):
        headers = {**KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(BASE + path, data=json.dumps(body).encode(), method="POST", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    def until(self, is_so):
        with self.news:
            self.news.wait_for(is_so)

    def attach(self):
        threading.Thread(target=self.listen, daemon=True).start()
        self.until(lambda: self.snapshot)

    def send(self, text):
        self.post("/events", message(text))

    def run(self):
        begun = len(self.log)
        self.post("/run", {})
        self.until(lambda: self.is_over(begun))

    def close(self):
        self.closing = True


serve(Client())

"""A socket on a thread of its own, by websocket-client; REST by http.client."""

# mypy: ignore-errors

import http.client
import json
import queue
import threading
import time
from urllib.parse import urlsplit

import websocket

from steps import BASE, KEY, Conversation, message, serve


class Client(Conversation):
    def __init__(self):
        super().__init__()
        self.frames = queue.Queue()

    def listen(self):
        while True:
            try:
                socket = websocket.create_connection(self.socket_url(), header=KEY, timeout=30)
                while text := socket.recv():
                    self.frames.put(text)
            except (OSError, websocket.WebSocketException):
                pass
            time.sleep(0.2)

    def post(self, path, body):
        url = urlsplit(BASE + path)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
        connection.request("POST", url.path, json.dumps(body), {**KEY, "Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()

    def until(self, is_so):
        while not is_so():
            self.take(self.frames.get())

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
        pass


serve(Client())

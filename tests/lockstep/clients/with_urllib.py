"""A poller on urllib."""

# mypy: ignore-errors

import json
import time
import urllib.request

from steps import BASE, KEY, Poller, serve


def call(method, path, body):
    data = None if body is None else json.dumps(body).encode()
    headers = {**KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(BASE + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


serve(Poller(call, time.sleep))

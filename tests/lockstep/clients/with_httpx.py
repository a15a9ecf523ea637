"""A poller on httpx, blocking."""

# mypy: ignore-errors

import time

import httpx

from steps import BASE, KEY, Poller, serve

http = httpx.Client(base_url=BASE, headers=KEY, timeout=10)


def call(method, path, body):
    answer = http.request(method, BASE + path, json=body)
    answer.raise_for_status()
    return answer.json()


serve(Poller(call, time.sleep))

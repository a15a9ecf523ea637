"""A poller on requests."""

# mypy: ignore-errors

import time

import requests

from steps import BASE, KEY, Poller, serve

session = requests.Session()
session.headers.update(KEY)


def call(method, path, body):
    answer = session.request(method, BASE + path, json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()


serve(Poller(call, time.sleep))

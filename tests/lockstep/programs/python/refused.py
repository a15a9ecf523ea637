# mypy: ignore-errors

import socket
import sys

host, port = sys.stdin.readline().split()
try:
    socket.create_connection((host, int(port)), timeout=30)
except ConnectionRefusedError:
    print("refused")

# mypy: ignore-errors

import socket
import sys

host, port = sys.stdin.readline().split()
connection = socket.create_connection((host, int(port)), timeout=30)
print("connected")
try:
    while connection.recv(4096):
        pass
except ConnectionResetError:
    print("reset")

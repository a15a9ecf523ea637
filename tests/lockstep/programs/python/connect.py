# mypy: ignore-errors

import socket
import sys

host, port = sys.stdin.readline().split()
with socket.create_connection((host, int(port)), timeout=30) as connection:
    print("connected")
    connection.sendall(b"ping\n")
    read = b""
    while data := connection.recv(4096):
        read += data
    print("read", read.decode())
print("closed")

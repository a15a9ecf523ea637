# mypy: ignore-errors

import socket
import sys

host, port = sys.stdin.readline().split()
with socket.create_connection((host, int(port)), timeout=30) as connection:
    connection.sendall(b"bye")
    connection.shutdown(socket.SHUT_WR)
    read = b""
    while data := connection.recv(4096):
        read += data
    print("read", read.decode())

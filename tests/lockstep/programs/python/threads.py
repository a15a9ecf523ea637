# mypy: ignore-errors

import sys
import threading

lock, start = threading.Lock(), threading.Event()


def speak(name):
    start.wait()
    with lock:
        print(name)


sys.stdin.readline()
threads = [threading.Thread(target=speak, args=(name,)) for name in "ab"]
for thread in threads:
    thread.start()
start.set()
for thread in threads:
    thread.join()

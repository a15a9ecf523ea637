# mypy: ignore-errors

import sys
import threading

sys.stdin.readline()
timers = [threading.Timer(delay, print, ("fired", delay)) for delay in (0.3, 0.1, 0.2)]
for timer in timers:
    timer.start()
for timer in timers:
    timer.join()

"""How long to wait before the next try: doubling, jittered, bounded. Pure: the draw is an argument."""

from __future__ import annotations

from gapless.syncclient.decisions import decision


@decision("retry-delay")
def delay_s(failures: int, *, draw: float, min_s: float, max_s: float) -> float:
    """The wait after `failures` failures in a row (1 is the first), in seconds.

    Doubles from `min_s` up to `max_s`; half of it is fixed, half jittered by `draw` (0 to 1), so that many clients cut
    off together do not come back together.
    """
    ceiling_s = min(max_s, min_s * 2.0 ** min(failures - 1, 30))
    return ceiling_s / 2 + ceiling_s / 2 * draw

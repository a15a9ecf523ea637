"""Keep a sample of the changes in a session of cosmic-ray, and skip the others. It runs in cosmic-ray's environment.

``python sample.py SESSION COUNT SEED``
"""

from __future__ import annotations

import random
import sys

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult


def main(session: str, count: int, seed: int) -> None:
    """Skip all but ``count`` changes, drawn with ``seed``."""
    with use_db(session, WorkDB.Mode.open) as database:
        jobs = sorted(item.job_id for item in database.pending_work_items)
        kept = set(random.Random(seed).sample(jobs, min(count, len(jobs))))
        skipped = [job for job in jobs if job not in kept]
        database.set_multiple_results(skipped, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

"""The process of a crowd: `python -m loadtest.change.crowd OUTCOMES`.

It reads a job as one line of JSON from standard input, says `ready` when everybody has listed,
makes calls until standard input ends, and writes what became of them to the file OUTCOMES.
"""

import asyncio
import sys
from pathlib import Path

from loadtest.change.crowd.crowd import Crowd
from loadtest.change.crowd.values import Job, save


async def _run(job: Job, path: Path) -> None:
    crowd, stop = Crowd(job), asyncio.Event()
    try:
        await crowd.prepare()
        print("ready", flush=True)
        waiting = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        waiting.add_done_callback(lambda _: stop.set())
        await crowd.run(stop)
        save(crowd.outcomes, path)
    finally:
        await crowd.close()


def main() -> None:
    """Do the job that standard input describes."""
    job = Job.model_validate_json(sys.stdin.readline())
    asyncio.run(_run(job, Path(sys.argv[1])))


if __name__ == "__main__":
    main()

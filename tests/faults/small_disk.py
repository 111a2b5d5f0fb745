"""A process whose files may grow no further than so many bytes: `FOLDER BYTES`. It runs
a session and says how that ended.

What a disk that is full looks like to a program: a write that the operating system
refuses, at any place of any file.
"""

import asyncio
import resource
import sys

import rbtlive as rbt
from tests.builders import Churn, daily_frame

BARS = 40


async def ended(folder: str) -> str:
    """Run a session to whatever end, and return its state and what it failed with."""
    try:
        session = rbt.attach(
            Churn,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(daily_frame(BARS)),
            journal=folder,
            name="s",
        )
    except rbt.errors.RbtliveError as refusal:
        return f"refused {type(refusal).__name__}: {refusal}"
    try:
        await session.wait()
    except rbt.errors.RbtliveError as failure:
        return f"{session.state} {type(failure).__name__}: {failure}"
    return session.state


def main() -> None:
    """Limit this process, and run."""
    folder, limit = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    print(asyncio.run(ended(folder)))


if __name__ == "__main__":
    main()

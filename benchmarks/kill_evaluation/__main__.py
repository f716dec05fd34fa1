"""Kill one evaluation again and again, and hold what it ends with to one that was left alone.

    python -m benchmarks.kill_evaluation kills --folder /tmp/kills --seconds 240
    python -m benchmarks.kill_evaluation disk --folder /tmp/disk --seconds 240
    python -m benchmarks.kill_evaluation server --folder /tmp/server --seconds 240

`kills`: SIGKILL at random moments, and SIGTERM now and then; each resume has another batch size,
and before an end the run is often paused, told another batch size, or told to ask a sample again.
`disk`: the home lies on a small file system that is full after a random number of bytes, again and
again (a limit on file sizes where none may be mounted). `server`: the model is behind a server
that is killed at random moments and comes back.

Held at the end: no line was lost or changed that had been written before any end, no sample has
two lines, and answers and figures are equal. A call ends in time: with the same folder the next
one goes on. Exit code 0 where nothing was found; the document printed says how far it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.kill_evaluation.disk import disk
from benchmarks.kill_evaluation.kills import kills
from benchmarks.kill_evaluation.server import serve_forever, server
from benchmarks.kill_evaluation.trial import (
    KillTrial,
)

TRIALS = {"kills": kills, "disk": disk, "server": server}


def main() -> None:
    """Go on with a trial, and print how far it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trial", nargs="?", choices=TRIALS, default="kills")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ends", type=int, default=30, help="How often it is ended.")
    parser.add_argument("--samples", type=int, default=480)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve_forever(args.serve)
    if args.folder is None:
        parser.error("--folder is missing: where the trial is kept between two calls")
    args.folder.mkdir(parents=True, exist_ok=True)
    trial = KillTrial.load(args.folder, args.samples)
    if not trial.done:
        until = time.monotonic() + args.seconds
        TRIALS[args.trial](args.folder, trial, args.ends, until, args.seed)
    print(json.dumps(trial.report(), indent=1))
    sys.exit(1 if trial.findings else 0)


if __name__ == "__main__":
    main()

"""The calm lines a person reads while things start: seconds since the command began, then what happened."""

import os
import sys
import time

# Passed on to child processes, so that all lines of one command count from the same moment.
STARTED = float(os.environ.setdefault("RUN_STARTED", str(time.time())))


def say(text: str) -> None:
    """Write one line to the console; a closed console is no reason to stop."""
    try:
        sys.stdout.write(f"[{time.time() - STARTED:6.1f} s] {text}\n")
        sys.stdout.flush()
    except OSError:
        pass

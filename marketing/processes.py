"""Child processes that never outlive their parent.

Each child runs in a session of its own, so that Ctrl-C reaches the supervisor only and the supervisor decides the order
of stopping; the kernel signals the child should the supervisor be killed. What a child writes goes to its log file.
Start children from the main thread: the kernel ties them to the thread that made them.
"""

import contextlib
import ctypes
import logging.handlers
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LOG_BYTES = 10_000_000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class NotReady(Exception):
    """A service did not come up; the text is a sentence for the person who started it."""


class Process:
    """One child: a command, its environment, its log, and how it is asked to stop.

    `orphaned` is the signal the kernel sends when the parent dies; `heard` gets every line the child writes.
    """

    stop_signal = signal.SIGTERM

    def __init__(
        self,
        name: str,
        command: Sequence[object],
        *,
        env: Mapping[str, str],
        log: Path,
        grace: float = 15,
        orphaned: signal.Signals = signal.SIGTERM,
        heard: Callable[[str, str], None] | None = None,
    ) -> None:
        self.name, self.command, self.env, self.log = name, command, env, log
        self.title = name
        self.grace, self.orphaned, self.heard = grace, orphaned, heard
        self.child: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.delay = 0.0
        self.retry_at: float | None = None

    def start(self) -> None:
        """Start the child; a server's subclass also waits until it answers."""
        self.started, self.retry_at = time.monotonic(), None
        self.child = subprocess.Popen(
            [str(part) for part in self.command],
            env=dict(self.env),
            cwd=self.folder(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_tied_to(os.getpid(), self.orphaned),
        )
        assert self.child.stdout
        threading.Thread(target=self._keep, args=(self.child.stdout,), daemon=True).start()

    def folder(self) -> Path:
        """Return the working folder of the child: the project's."""
        return Path(__file__).resolve().parent.parent

    def alive(self) -> bool:
        """Return whether the child runs."""
        return self.child is not None and self.child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, negative for a signal; None while it runs or before it started."""
        return self.child.poll() if self.child else None

    def stop(self, hurry: threading.Event | None = None) -> None:
        """Ask the child to end; end it and its children by force after its grace, or as soon as `hurry` is set."""
        if self.child is None:
            return
        deadline = time.monotonic() + self.grace
        if self.alive():
            self.child.send_signal(self.stop_signal)
        while self.alive() and time.monotonic() < deadline and not (hurry and hurry.is_set()):
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def retry(self, now: float) -> bool:
        """Start a child that ended again, waiting longer each time it ends soon; return whether it was started."""
        if self.retry_at is None:
            self.delay = 1 if now - self.started > 30 else min(max(self.delay * 2, 1), 30)
            self.retry_at = now + self.delay
        if now < self.retry_at:
            return False
        self.start()
        return True

    def _keep(self, output: IO[bytes]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(self.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
        with output, contextlib.closing(file):
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                file.emit(logging.makeLogRecord({"msg": line}))
                if self.heard:
                    self.heard(self.name, line)


def _tied_to(parent: int, orphaned: signal.Signals) -> Callable[[], None]:
    def tie() -> None:
        if _libc:
            _libc.prctl(PR_SET_PDEATHSIG, int(orphaned))
        if os.getppid() != parent:
            os._exit(1)

    return tie


def free_port(wanted: int) -> int:
    """Return the first TCP port from `wanted` upwards that nobody listens on at 127.0.0.1."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise NotReady(f"No port between {wanted} and {wanted + 99} is free; choose another with PORT=….")

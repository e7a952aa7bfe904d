"""Everything the demo consists of under one roof: servers, web, worker, beat and the sandbox gateway.

Started in order, restarted when one of them ends, stopped in the opposite order. `python3 run.py` is this.
"""

import http.client
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

from marketing.console import say
from marketing.datadir import DataDir
from marketing.embedded import services
from marketing.processes import NotReady, Process, free_port

LOGINS = (
    "loan.marketer loan.manager card.marketer card.manager online.marketer online.manager "
    "branch.manager branch.rm analyst compliance auditor admin"
)
GUNICORN = ["--workers=2", "--threads=4", "--timeout=120", "--graceful-timeout=10", "--no-control-socket"]
CELERY = ["--concurrency=2", "--loglevel=INFO", "--without-gossip", "--without-mingle"]
ROOT = Path(__file__).resolve().parent.parent
STAGES = ("prepare", "build_demo")
# What a person wants to see at once; everything else is in the logs. A page that was not found is no
# news, nor that health is incomplete while things start.
NEWS = re.compile(r"^(?!.*(WARNING django\.request|Service Unavailable: /healthz)).*\b(WARNING|ERROR|CRITICAL)\b")
LOG_LINE = re.compile(r"^\[?\d{4}-\d\d-\d\d|^\s")


class Stopped(Exception):
    """Somebody asked the supervisor to stop."""


class Supervisor:
    """One run of all processes on one DATA_DIR."""

    def __init__(self, data: DataDir) -> None:
        self.data = data
        self.env = data.environment(os.environ)
        self.logs = data.path / "logs"
        self.running: list[Process] = []
        self.demo: Process | None = None
        self.asked, self.hurry = threading.Event(), threading.Event()
        self.address = ""

    def run(self) -> int:
        """Start, watch and stop everything; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        try:
            self._start_servers()
            self._prepare()
            self._start_web()
            self._start_rest()
            self._watch()
            return 0
        except Stopped:
            return 0
        except NotReady as error:
            say(str(error))
            return 1
        finally:
            self._stop()

    def _ask(self, number: int, frame: object) -> None:
        """Remember that somebody asked to stop; asked twice, wait for nobody."""
        (self.hurry if self.asked.is_set() else self.asked).set()

    def _start_servers(self) -> None:
        found, servers = services(self.env, self.data.path)
        for server in servers:
            self._start(server)
            say(f"{server.title} is up")
        self.env |= found

    def _prepare(self) -> None:
        """Bring tables, translations and static files up to date before anything serves."""
        prepare = self._python("prepare", "marketing.prepare")
        prepare.start()
        while prepare.alive():
            if self.asked.wait(0.05):
                prepare.stop()
                raise Stopped
        if prepare.exit_code:
            raise NotReady(
                f"The installation could not be brought up to date; {prepare.log} says why. No data was lost."
            )

    def _start_web(self) -> None:
        """Start the pages and wait for the first answer, whatever it says: health may still be missing its worker."""
        wanted = int(self.env.get("PORT") or 8000)
        port = free_port(wanted)
        if port != wanted:
            say(f"Port {wanted} is taken, using {port}")
        self.address = f"http://127.0.0.1:{port}/"
        if self.env["DEMO"] == "1":
            self.env["SANDBOX_URL"] = self.env.get("SANDBOX_URL") or f"http://127.0.0.1:{free_port(port + 1)}"
        self.env["PORT"] = str(port)
        self.data.publish(self.env)
        bind = ["--bind", f"127.0.0.1:{port}"]
        web = self._start(self._python("web", "gunicorn", "marketing.wsgi:application", *bind, *GUNICORN))
        while not answers(port):
            if self.asked.wait(0.1):
                raise Stopped
            if not web.alive():
                raise NotReady(f"The web server ended at once; {web.log} says why.")
        say(f"First page: {self.address}")

    def _start_rest(self) -> None:
        demo = self.env["DEMO"] == "1"
        if demo and self.env["SANDBOX_URL"].startswith("http://127.0.0.1:"):
            port = self.env["SANDBOX_URL"].rpartition(":")[2]
            notify = self.address.rstrip("/")
            self._start(self._django("sandbox", "--port", port, "--notify", notify))
        worker = self._python("worker", "celery", "-A", "marketing.celery", "worker", *CELERY)
        # Orphaned, a worker that asks politely would wait for a broker that is gone too; its pool ends with it.
        worker.grace, worker.orphaned = 60, signal.SIGKILL
        self._start(worker)
        schedule = ["--schedule", str(self.data.path / "beat-schedule"), "--pidfile="]
        self._start(self._python("beat", "celery", "-A", "marketing.celery", "beat", "--loglevel", "INFO", *schedule))
        if demo:
            say("Building the demo bank …")
            self.demo = self._django("build_demo")
            self.demo.start()
        else:
            say(f"Running; Ctrl-C stops everything, the data stays in {self.data.path}")

    def _watch(self) -> None:
        """Keep everything running until somebody asks to stop."""
        while not self.asked.wait(0.2):
            if self.demo and not self.demo.alive():
                self._welcome(self.demo)
                self.demo = None
            for process in self.running:
                if not process.alive():
                    self._revive(process)

    def _revive(self, process: Process) -> None:
        if process.retry_at is None:
            say(f"{process.title} ended ({process.exit_code}); it is started again, see {process.log}")
        try:
            process.retry(time.monotonic())
        except NotReady as error:
            say(str(error))

    def _welcome(self, demo: Process) -> None:
        if demo.exit_code:
            say(f"The demo bank could not be built; {demo.log} says why. The pages run without it.")
            return
        password = self.env.get("DEMO_PASSWORD") or "demo"
        say("The demo bank is ready")
        for name, value in (("Address", self.address), ("Logins", LOGINS), ("Password", password)):
            sys.stdout.write(f"{name:>12}  {value}\n")
        sys.stdout.write(f"{'Stop':>12}  Ctrl-C; the data stays in {self.data.path}\n")
        sys.stdout.flush()

    def _start(self, process: Process) -> Process:
        if self.asked.is_set():
            raise Stopped
        self.running.append(process)
        process.start()
        return process

    def _stop(self) -> None:
        """Stop in the opposite order of the start: nothing loses what it still needs."""
        if self.running:
            say("Stopping; work in hand is finished first, Ctrl-C again ends it at once")
        self.data.withdraw()
        for process in [*([self.demo] if self.demo else []), *reversed(self.running)]:
            process.stop(self.hurry)
        if self.running:
            say(f"Stopped; the data is in {self.data.path}")

    def _python(self, name: str, module: str, *arguments: str) -> Process:
        return self._process(name, "-m", module, *arguments)

    def _django(self, command: str, *arguments: str) -> Process:
        return self._process(command, ROOT / "manage.py", command, *arguments)

    def _process(self, name: str, *arguments: object) -> Process:
        hear = Stage() if name in STAGES else self._hear
        return Process(name, [sys.executable, *arguments], env=self.env, log=self.logs / f"{name}.log", heard=hear)

    def _hear(self, name: str, line: str) -> None:
        """Show what a person wants to know at once; everything else is in the log."""
        if NEWS.search(line):
            say(f"{name}: {line}")


class Stage:
    """Shows the words of something that runs once; not its log lines, and nothing more after it failed."""

    def __init__(self) -> None:
        self.failed = False

    def __call__(self, name: str, line: str) -> None:
        """Hear one line."""
        self.failed = self.failed or line.startswith("Traceback")
        if line and not self.failed and not LOG_LINE.match(line):
            say(line)


def answers(port: int) -> bool:
    """Return whether the web server on a port answers at all."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Run everything on DATA_DIR, unless another copy does so already."""
    data = DataDir.named()
    if not data.lock():
        say(f"Another copy already runs on {data.path}; stop it, or start this one with another DATA_DIR and PORT.")
        return 1
    return Supervisor(data).run()


if __name__ == "__main__":
    sys.exit(main())

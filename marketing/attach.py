"""`python3 run.py manage …`: a management command beside the running services, or with servers of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from marketing.datadir import DataDir
from marketing.embedded import services
from marketing.processes import NotReady

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def main(arguments: list[str]) -> int:
    """Run one management command on DATA_DIR and return its exit code."""
    data = DataDir.named()
    if data.lock():
        return with_own_servers(data, arguments)
    beside = data.published()
    if beside is None:
        sys.stderr.write(f"The services on {data.path} are starting or stopping; try again in a moment.\n")
        return 1
    return manage(data.environment({**os.environ, **beside}), arguments)


def with_own_servers(data: DataDir, arguments: list[str]) -> int:
    """Start the servers the environment does not name, run the command, stop them."""
    env = data.environment(os.environ)
    found, servers = services(env, data.path)
    env |= found
    try:
        for server in servers:
            server.start()
        data.publish(env)
        return manage(env, arguments)
    except NotReady as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        data.withdraw()
        for server in reversed(servers):
            server.stop()


def manage(env: dict[str, str], arguments: list[str]) -> int:
    """Run manage.py in the foreground; Ctrl-C is the command's to handle."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    child = subprocess.Popen([sys.executable, MANAGE, *arguments], env=env)
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

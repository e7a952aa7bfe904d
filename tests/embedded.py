"""One throw-away PostgreSQL and Valkey for a whole test run, with keys and folders of its own.

An early plugin (`-p tests.embedded`), because pytest-django reads the settings before any conftest. The first process
starts the servers; the processes that pytest-xdist adds inherit their addresses.
"""

import atexit
import os
from contextlib import ExitStack
from pathlib import Path

from marketing.embedded import throwaway

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

if "TEST_SERVERS" not in os.environ:
    servers = ExitStack()
    atexit.register(servers.close)
    os.environ |= servers.enter_context(throwaway())
    os.environ |= {"TEST_SERVERS": os.environ["BROKER_URL"], "DEMO": "1", "DEBUG": "", "LOG_LEVEL": "WARNING"}
    # Threads that wait by spinning make the same model fit take a hundred times as long on two busy cores.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
elif WORKER:
    # Each process has its own folder and its own queue, as it has its own database.
    os.environ["DATA_DIR"] = str(Path(os.environ["DATA_DIR"]) / WORKER)
    os.environ["BROKER_URL"] = f"{os.environ['TEST_SERVERS']}?virtual_host={int(WORKER.removeprefix('gw')) + 1}"

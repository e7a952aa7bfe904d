"""The folder one installation lives in: its lock, its keys, and where its services are while they run."""

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from marketing.embedded import field_keys, secret_key
from marketing.environment import VARIABLES, folder, read

ROOT = Path(__file__).resolve().parent.parent


class DataDir:
    """DATA_DIR on disk; `lock` makes this process its only owner until it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.running = path / "run.json"
        self._lock: IO[str] | None = None

    @classmethod
    def named(cls) -> "DataDir":
        """Return the folder which the variable DATA_DIR names."""
        return cls(folder(read("DATA_DIR"), ROOT).resolve())

    def lock(self) -> bool:
        """Take the folder for this process; False when a living process has it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of this installation's processes; keys that are not given are made once and kept."""
        env = {"DEMO": "1", **given, "DATA_DIR": str(self.path), "PYTHONUNBUFFERED": "1"}
        # Without it the numeric libraries' threads wait by spinning, and on two cores that multiplies every run's time.
        env["OMP_WAIT_POLICY"] = "PASSIVE"
        env["DJANGO_SETTINGS_MODULE"] = "marketing.settings"
        for name, make in (("SECRET_KEY", secret_key), ("FIELD_KEYS", field_keys)):
            env[name] = env.get(name) or self._kept(name.lower(), make)
        return env

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        file = self.path / name
        if not file.exists():
            write_private(file, make())
        return file.read_text()

    def publish(self, env: Mapping[str, str]) -> None:
        """Write down where the services are, for commands that are run beside them."""
        names = [variable.name for variable in VARIABLES]
        write_private(self.running, json.dumps({name: env[name] for name in names if name in env}))

    def published(self) -> dict[str, str] | None:
        """Return what the running services published; None where nothing runs or is still starting."""
        return json.loads(self.running.read_text()) if self.running.exists() else None

    def withdraw(self) -> None:
        """Forget where the services were."""
        self.running.unlink(missing_ok=True)


def write_private(file: Path, text: str) -> None:
    """Write a file only its owner may read, in one step: a crash leaves the old one or the new one."""
    beside = file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)

"""`python3 run.py check`: everything that can be known without running the tests, each with its result and time."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from marketing.embedded import throwaway

BIN = Path(sys.executable).parent
MANAGE = [sys.executable, "manage.py"]
SHOWN = 60  # the last lines of a check that failed
# Longest first: two run at a time.
CHECKS: dict[str, list[str | Path]] = {
    "types": [BIN / "mypy", "."],
    "template format": [BIN / "djlint", "templates", "--check"],
    "template lint": [BIN / "djlint", "templates", "--lint", "--quiet"],
    "import contract": [BIN / "lint-imports"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "deployment": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    "translations": [*MANAGE, "messages", "--check"],
    "format": [BIN / "ruff", "format", "--check", "."],
    "lint": [BIN / "ruff", "check", "."],
}


def main() -> int:
    """Run all checks against the settings of a production start; return 1 if any failed."""
    with throwaway() as servers, ThreadPoolExecutor(2) as pool:
        production = {"ALLOWED_HOSTS": "marketing.bank.example", "OMP_WAIT_POLICY": "PASSIVE"}
        env = {
            **os.environ,
            **servers,
            **production,
            "DEMO": "",
            "DEBUG": "",
            "DJANGO_SETTINGS_MODULE": "marketing.settings",
        }
        results = list(pool.map(lambda name: run(name, env), CHECKS))
    failed = [name for name, good in zip(CHECKS, results, strict=True) if not good]
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "all checks passed\n")
    return int(bool(failed))


def run(name: str, env: dict[str, str]) -> bool:
    """Run one check and report it; the end of its words is shown when it fails."""
    began = time.monotonic()
    done = subprocess.run(CHECKS[name], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    good = done.returncode == 0
    words = "" if good else "\n" + "\n".join(done.stdout.rstrip().splitlines()[-SHOWN:]) + "\n"
    sys.stdout.write(f"{'ok' if good else 'FAILED':>6}  {name:<16} {time.monotonic() - began:5.1f} s{words}\n")
    sys.stdout.flush()
    return good


if __name__ == "__main__":
    sys.exit(main())

"""Bring an installation up to date before it serves: tables, translations, static files; one line per step."""

import hashlib
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command


def main() -> None:
    """Run the steps in order; each is quick when there is nothing to do."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    step("Tables are up to date")
    call_command("messages", verbosity=0)
    if collect_static():
        step("Static files are collected")


def step(text: str) -> None:
    """Report a finished step."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def collect_static() -> bool:
    """Collect the static files if one of them, or a package that brings some, has changed; return whether it did."""
    done = Path(settings.DATA_DIR) / "static.collected"
    wanted = fingerprint(settings.BASE_DIR / "static", settings.BASE_DIR / "requirements.txt")
    if done.exists() and done.read_text() == wanted:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    done.write_text(wanted)
    return True


def fingerprint(*places: Path) -> str:
    """Return one digest over the names and contents of all files under the places."""
    total = hashlib.sha256()
    for place in places:
        for file in [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file()):
            total.update(str(file).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


if __name__ == "__main__":
    main()

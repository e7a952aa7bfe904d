"""The project's own Python environment in .venv: made, and filled from a lock file with hashes whenever that changes.

Standard library only: this runs before anything is installed.
"""

import base64
import configparser
import fcntl
import hashlib
import importlib.util
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from marketing.console import say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

# Used only where Python comes without ensurepip (Debian without python3-venv).
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
PUBLIC_INDEX = "https://pypi.org/simple"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second command wait while another one is installing into the same folder."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def install(lock: Path, *, also: tuple[Path, ...] = ()) -> bool:
    """Install a lock file's packages unless that was done already; return whether there was anything to do.

    `also` names lock files whose packages are part of this one, so that they count as installed too.
    """
    if not PYTHON.exists():
        make_environment()
    if stamp(lock).exists() and stamp(lock).read_text() == digest(lock):
        return False
    count = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    say(f"Installing {count} Python packages from {lock.name} (the first time takes a minute or two) …")
    options = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:"]
    run_pip("install", *options, "--require-hashes", "-r", str(lock))
    for done in (lock, *also):
        stamp(done).write_text(digest(done))
    say("Python packages are installed")
    return True


def stamp(lock: Path) -> Path:
    """Return the file that remembers which version of a lock file is installed."""
    return PYTHON.parent.parent / f".installed-{lock.name}"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_pip(*arguments: str) -> None:
    """Run the environment's pip; its own words are the explanation when it fails."""
    if subprocess.run([PYTHON, "-m", "pip", *arguments]).returncode:
        sys.exit(
            "The Python packages could not be installed; pip says why above. Nothing else was changed: run it again."
        )


def make_environment() -> None:
    """Make .venv with a pip in it, whichever Python this is."""
    say(f"Making .venv with Python {sys.version.split()[0]}")
    has_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(VENV, clear=True, symlinks=True, with_pip=has_pip)
    if not has_pip:
        wheel = VENV / PIP_WHEEL
        wheel.write_bytes(fetch_pip(indexes()))
        subprocess.run([PYTHON, f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)], check=True)
        wheel.unlink()


def indexes() -> list[str]:
    """Return the package indexes pip is configured to use, in its order; the public one where nothing is configured."""
    home = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    files = [Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf"), Path.home() / ".pip/pip.conf", home / "pip/pip.conf"]
    settings = configparser.RawConfigParser()
    settings.read([*files, os.environ.get("PIP_CONFIG_FILE", os.devnull)])

    def option(name: str) -> str:
        variable = f"PIP_{name.upper().replace('-', '_')}"
        fallback = settings.get("global", name, fallback="")
        return os.environ.get(variable) or str(settings.get("install", name, fallback=fallback))

    return [*(option("index-url") or PUBLIC_INDEX).split(), *option("extra-index-url").split()]


def fetch_pip(addresses: list[str]) -> bytes:
    """Return the pinned pip wheel from the first index that has it; another content than the pinned one is refused."""
    for address in addresses:
        page = f"{address.rstrip('/')}/pip/{'index.html' if address.startswith('file:') else ''}"
        try:
            link = re.search(rf'href="([^"#]*{re.escape(PIP_WHEEL)})', fetch(page).decode())
            wheel = fetch(urljoin(page, link[1])) if link else b""
        except (urllib.error.URLError, OSError):
            continue
        if wheel and hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
            sys.exit(f"{PIP_WHEEL} from the package index is not the file this project expects; nothing was installed.")
        if wheel:
            return wheel
    sys.exit(
        "This Python comes without pip, and none could be fetched. Install it (Debian: apt install python3-venv), "
        "or name a package index that can be reached in PIP_INDEX_URL."
    )


def fetch(address: str) -> bytes:
    """Return what an index serves, with the user name and password its address may carry."""
    parts = urlsplit(address)
    request = urllib.request.Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    if parts.username:
        token = base64.b64encode(f"{parts.username}:{parts.password or ''}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    trust = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    with urllib.request.urlopen(request, timeout=60, context=trust) as answer:
        return bytes(answer.read())

"""The environment is made on any Python, and filled only when its lock file changed."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from marketing import install


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to install into, instead of the project's own environment."""
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What pip was asked to do; it does nothing."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(install, "run_pip", lambda *arguments: calls.append(arguments))

    def make_environment() -> None:
        install.PYTHON.parent.mkdir(parents=True)
        install.PYTHON.touch()

    monkeypatch.setattr(install, "make_environment", make_environment)
    return calls


def lock_file(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_an_unchanged_lock_is_installed_once(empty: Path, asked: list[tuple[str, ...]]) -> None:
    lock = lock_file(empty, "one==1")
    assert install.install(lock)
    assert not install.install(lock)
    assert len(asked) == 1
    assert {"--require-hashes", "--only-binary"} <= set(asked[0])


def test_a_changed_lock_is_installed_again(empty: Path, asked: list[tuple[str, ...]]) -> None:
    install.install(lock_file(empty, "one==1"))
    assert install.install(lock_file(empty, "one==2"))


def test_a_failed_installation_is_tried_again(
    empty: Path, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = lock_file(empty, "one==1")
    with monkeypatch.context() as broken, pytest.raises(SystemExit):
        broken.setattr(install, "run_pip", lambda *arguments: sys.exit("no network"))
        install.install(lock)
    assert install.install(lock)


def test_the_development_packages_include_the_others(empty: Path, asked: list[tuple[str, ...]]) -> None:
    runtime = lock_file(empty, "one==1")
    install.install(lock_file(empty, "one==1\ntwo==2", "requirements-dev.txt"), also=(runtime,))
    assert not install.install(runtime)


def pip_index(folder: Path) -> str:
    """Return the address of an index on disk that offers the pip these tests run with."""
    pip = distribution("pip")
    packed = folder / "packed"
    site = Path(str(pip.locate_file("")))
    for part in ("pip", f"pip-{pip.version}.dist-info"):
        shutil.copytree(site / part, packed / part, ignore=shutil.ignore_patterns("__pycache__"))
    shelf = folder / "simple" / "pip"
    shelf.mkdir(parents=True)
    wheel = Path(shutil.make_archive(str(folder / "pip"), "zip", packed)).rename(shelf / install.PIP_WHEEL)
    (shelf / "index.html").write_text(f'<a href="{wheel.name}#sha256=whatever">pip</a>')
    return (folder / "simple").as_uri()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(install, "PIP_WHEEL", f"pip-{distribution('pip').version}-py3-none-any.whl")
    address = pip_index(tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", address)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", address)
    content = (tmp_path / "simple" / "pip" / install.PIP_WHEEL).read_bytes()
    monkeypatch.setattr(install, "PIP_SHA256", hashlib.sha256(content).hexdigest())
    return address


def test_a_python_without_ensurepip_gets_the_pinned_pip(
    empty: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else found(name))
    install.make_environment()
    shown = subprocess.run([install.PYTHON, "-m", "pip", "--version"], capture_output=True, text=True, check=True)
    assert str(empty) in shown.stdout


def test_another_pip_than_the_pinned_one_is_refused(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "PIP_SHA256", "0" * 64)
    with pytest.raises(SystemExit, match="not the file this project expects"):
        install.fetch_pip(install.indexes())


def test_an_index_that_cannot_be_reached_is_passed_over(index: str) -> None:
    assert install.fetch_pip(["http://127.0.0.1:9/simple", index])
    with pytest.raises(SystemExit, match="PIP_INDEX_URL"):
        install.fetch_pip(["http://127.0.0.1:9/simple"])

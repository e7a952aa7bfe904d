"""A real Chromium for the tests in this folder; any complaint of its console fails the test."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, WebError

from tests.browser.setup import find

# Playwright runs an event loop in the test's thread; Django would refuse to use the database there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    found = find()
    assert found, "There is no Chromium for the tests; `python3 run.py test` brings one."
    program, env = found
    return {**browser_type_launch_args, "executable_path": program, "env": {**os.environ, **env}}


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Serve static files under their own names; the hashed names exist only after collectstatic."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the console complained about: blocked by the content security policy, failed scripts, missing files.

    A test that provokes a complaint clears the list after looking at it.
    """
    heard: list[str] = []
    yield heard
    assert not heard, "The browser complained:\n" + "\n".join(heard)


@pytest.fixture
def new_context(new_context: Callable[..., BrowserContext], complaints: list[str]) -> Callable[..., BrowserContext]:
    """Make browser contexts whose complaints fail the test; `page` and `context` are made by this too."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.location.get('url', '')}: {message.text}")

    def on_error(error: WebError) -> None:
        complaints.append(str(error.error))

    def make(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.on("console", on_console)
        context.on("weberror", on_error)
        return context

    return make

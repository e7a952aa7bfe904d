"""The browser's console is clean on a page, and what it complains about is heard."""

from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer


def test_the_sign_in_page_loads_without_a_complaint(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + reverse("accounts:login"))
    page.locator("input[name=password]").wait_for()


def test_what_the_security_policy_blocks_is_a_complaint(
    page: Page, live_server: LiveServer, complaints: list[str]
) -> None:
    page.goto(live_server.url + reverse("accounts:login"))
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">inline</p>')")
    page.evaluate("setTimeout(() => { throw new Error('a script failed') })")
    page.wait_for_timeout(200)
    assert any("Content Security Policy" in complaint for complaint in complaints)
    assert any("a script failed" in complaint for complaint in complaints)
    complaints.clear()

"""The shell of every page as a person meets it: sign in, keys, theme, menus, phone."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

PHONE, TABLET, DESK = (375, 812), (768, 900), (1440, 900)


@pytest.fixture
def settings_page(page: Page, live_server, cast) -> Page:
    """The settings, opened by the administrator through the sign-in page."""
    page.goto(f"{live_server.url}/sign-in/?next=/settings/")
    page.get_by_label("用户名").fill("admin")
    page.get_by_label("密码").fill("pass")
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/settings/")
    return page


@pytest.fixture
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "locale": "zh-CN"}


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_a_wrong_password_says_so_and_keeps_the_name(page: Page, live_server, cast) -> None:
    page.goto(f"{live_server.url}/sign-in/?next=/settings/")
    page.get_by_label("用户名").fill("admin")
    page.get_by_label("密码").fill("wrong")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("用户名")).to_have_value("admin")
    expect(page.get_by_label("密码")).to_have_value("")


def test_the_language_switch_stays_on_the_page(settings_page: Page) -> None:
    settings_page.get_by_role("button", name="中文").click()
    expect(settings_page).to_have_url(re.compile("/settings/$"))
    expect(settings_page.locator("html")).to_have_attribute("lang", "en")
    expect(settings_page.get_by_role("link", name="Settings")).to_have_attribute("aria-current", "page")


def test_the_language_can_be_switched_before_signing_in(page: Page, live_server, cast) -> None:
    page.goto(f"{live_server.url}/sign-in/?next=/settings/")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_label("User name")).to_be_visible()


def test_the_description_of_the_api_runs_under_the_policy_of_every_page(settings_page: Page, live_server) -> None:
    settings_page.goto(f"{live_server.url}/api/v1/docs/")
    expect(settings_page.locator("#operations-campaigns-campaigns_do")).to_be_visible()


def test_the_theme_is_kept_and_drawn_by_the_server(settings_page: Page) -> None:
    root = settings_page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")
    settings_page.get_by_role("button", name="切换深浅色").click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    assert 'data-bs-theme="dark"' in settings_page.request.get(settings_page.url).text()


def test_the_keys_open_search_help_and_pages(settings_page: Page) -> None:
    settings_page.keyboard.press("?")
    expect(settings_page.locator("#shortcuts")).to_be_visible()
    settings_page.keyboard.press("Escape")
    expect(settings_page.locator("#shortcuts")).to_be_hidden()
    settings_page.keyboard.press("g")
    settings_page.keyboard.press("u")
    settings_page.wait_for_url("**/audit/")


def test_keys_typed_into_a_field_are_letters(settings_page: Page) -> None:
    box = settings_page.locator("#q")
    box.press_sequentially("gu?")
    expect(box).to_have_value("gu?")
    expect(settings_page.locator("#shortcuts")).to_be_hidden()


def test_a_filter_applies_itself_and_the_cursor_stays(settings_page: Page) -> None:
    settings_page.locator("#q").press_sequentially("rm")
    settings_page.wait_for_url("**/settings/?q=rm")
    expect(settings_page.locator("#q")).to_be_focused()


def test_the_user_menu_signs_out(settings_page: Page) -> None:
    settings_page.locator(".side-user summary").click()
    settings_page.locator(".side-user").get_by_role("button", name="退出登录").click()
    settings_page.wait_for_url("**/sign-in/")


def test_a_menu_closes_on_escape_and_elsewhere(settings_page: Page) -> None:
    menu = settings_page.locator(".side-user")
    menu.locator("summary").click()
    settings_page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    settings_page.locator("h1").click()
    expect(menu).not_to_have_attribute("open", "")


def test_the_first_tab_skips_to_the_content(settings_page: Page) -> None:
    settings_page.keyboard.press("Tab")
    skip = settings_page.locator(".skip")
    expect(skip).to_be_focused()
    skip.press("Enter")
    expect(settings_page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("size", [PHONE, TABLET, DESK])
def test_nothing_is_wider_than_the_screen(settings_page: Page, live_server, size: tuple[int, int]) -> None:
    settings_page.set_viewport_size({"width": size[0], "height": size[1]})
    for path in ("/settings/", "/audit/", "/jobs/", "/tokens/"):
        settings_page.goto(live_server.url + path)
        assert overflow(settings_page) == 0, path


def test_on_the_phone_the_other_pages_are_behind_more(settings_page: Page) -> None:
    settings_page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(settings_page.locator(".side")).to_be_hidden()
    bar = settings_page.locator(".bottom")
    for entry in bar.locator("a, button").all():
        box = entry.bounding_box()
        assert box and box["height"] >= 44 and box["width"] >= 44
    bar.get_by_role("button").click()
    settings_page.locator("#more").get_by_role("link", name="审计").click()
    settings_page.wait_for_url("**/audit/")


def test_a_page_that_is_not_there_is_a_sentence(settings_page: Page, complaints: list[str]) -> None:
    settings_page.goto(settings_page.url.replace("/settings/", "/nowhere/"))
    expect(settings_page.get_by_role("heading", name="这个地址没有内容")).to_be_visible()
    assert all("404" in line for line in complaints)
    complaints.clear()


def test_a_new_browser_follows_the_systems_theme(browser: Browser, live_server, db) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{live_server.url}/sign-in/?next=/settings/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    context.close()

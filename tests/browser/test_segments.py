"""A marketer builds a segment in a real browser: the count follows, errors stand at their condition, saving works."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from segments.editing import create_segment
from segments.models import Segment
from tests.conftest import NOW
from tests.segments.conftest import attributes, condition, people, publish, rule_of  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(new_context, live_server, client, cast, people) -> Page:  # noqa: F811
    client.force_login(cast.marketer)
    context: BrowserContext = new_context(viewport={"width": 1440, "height": 900})
    cookies = {"sessionid": client.cookies["sessionid"].value, "django_language": "en"}
    context.add_cookies([{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()])
    page = context.new_page()
    page.goto(f"{live_server.url}/segments/new/")
    return page


@pytest.fixture(autouse=True)
def dropped_requests_are_fine(complaints) -> Iterator[None]:
    """htmx reports on the console each older question that it dropped for a newer one; nothing else may be said."""
    yield
    complaints[:] = [said for said in complaints if "htmx:sendAbort" not in said and "htmx:afterRequest" not in said]


def pick(page: Page, name: str, button: int = 0) -> None:
    page.get_by_role("button", name="Condition", exact=True).nth(button).click()
    page.get_by_placeholder("Search by name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("#pick")).not_to_be_visible()


def test_build_count_correct_and_save(page: Page):
    count, sentence = page.locator("#rule-count .hero"), page.locator("#rule-sentence")
    expect(page.locator("#rule-count")).to_contain_text("Add a condition")

    pick(page, "age")
    expect(page.get_by_label("From")).to_be_focused()
    expect(page.locator(".seg-err.todo")).to_contain_text("Enter a value.")
    page.keyboard.type("25")
    page.get_by_label("To", exact=True).fill("55")
    expect(count).to_have_text("4")
    expect(sentence).to_have_text("Customers whose age is 25–55 years.")
    expect(page.locator("#eff-0")).to_have_text("−2")
    expect(page.locator("#waterfall [role=row]")).to_have_count(2)

    page.get_by_label("To", exact=True).fill("old")
    expect(page.locator("#err-0")).to_have_text("“old” is not a number.")
    expect(count).to_have_text("–")
    page.get_by_label("To", exact=True).fill("45")
    expect(count).to_have_text("3")

    page.get_by_role("button", name="Group", exact=True).first.click()
    pick(page, "occupation", button=0)
    page.locator(".seg-many summary").click()
    page.get_by_label("Teacher").check()
    expect(page.locator("[data-chosen]")).to_have_text("Teacher")
    expect(count).to_have_text("1")
    page.locator("#op-1").select_option("none")
    expect(sentence).to_contain_text("without those whose occupation is Teacher")
    expect(count).to_have_text("2")
    expect(page.locator("#examples tbody tr")).to_have_count(2)
    expect(page.locator("#examples")).not_to_contain_text("李小龙")

    page.get_by_role("button", name="Save segment").click()
    expect(page.locator("#id_name_error")).to_be_visible()
    expect(page.locator("#op-1")).to_have_value("none")
    page.locator("#id_name").fill("青年非教师")
    page.get_by_role("button", name="Save segment").click()
    expect(page).to_have_url(re.compile(r"/segments/\d+/$"))
    expect(page.locator("h1")).to_contain_text("青年非教师")
    segment = Segment.objects.get()
    assert segment.latest.rule["items"][1]["op"] == "none"
    assert segment.latest.size == 2


def test_an_older_answer_is_never_shown_after_a_newer_one(page: Page):
    pick(page, "age")
    held = []

    def hold_the_first(route):
        if not held:
            held.append(route)  # its answer would come last
        else:
            route.continue_()

    page.get_by_label("From").fill("20")
    page.get_by_label("To", exact=True).fill("20")
    count = page.locator("#rule-count .hero")
    expect(count).to_have_text("1")
    page.route("**/segments/count/", hold_the_first)
    page.get_by_label("To", exact=True).fill("30")
    page.wait_for_timeout(500)
    page.get_by_label("To", exact=True).fill("50")
    expect(count).to_have_text("5")
    assert held
    try:
        held[0].continue_()
    except Exception as gone:
        assert "Target" in str(gone) or "Route" in str(gone)
    page.wait_for_timeout(700)
    expect(count).to_have_text("5")


@pytest.mark.parametrize("size", [(1440, 900), (375, 812)])
def test_nothing_serious_stands_in_the_way(page: Page, cast, live_server, size):
    rule = rule_of(condition("age", "between", [25, 55]), {"op": "none", "items": [condition("job", "in", ["doctor"])]})
    made = create_segment(name="青年", rule=rule, by=cast.marketer, at=NOW)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for path in ("", f"{made.pk}/", f"{made.pk}/edit/", f"{made.pk}/members/"):
        page.goto(f"{live_server.url}/segments/{path}", wait_until="networkidle")
        found = Axe().run(page).response["violations"]
        serious = [
            (rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")
        ]
        assert not serious, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path

"""Icons, states, figures, times and tables as the templates write them."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from marketing import figures
from marketing.context import NAVIGATION, navigation, present
from marketing.looks import STATES

ROOT = Path(settings.BASE_DIR)
AT = datetime(2026, 11, 18, 6, 32, 8, tzinfo=UTC)  # 14:32:08 at the bank


def draw(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


def draw_at(url: str, source: str, **context: object) -> str:
    return draw(source, request=RequestFactory().get(url), **context)


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


# ── icons and states ─────────────────────────────────────────────────────────


def test_an_icon_points_into_the_sprite_and_is_silent() -> None:
    found = draw('{% icon "check" "ic-s" %}')
    assert 'class="ic ic-s"' in found
    assert found.count('aria-hidden="true"') == 1
    assert 'href="/static/vendor/icons.svg#check"' in found


def test_a_filled_icon_has_its_own_id() -> None:
    assert "icons.svg#f-player-play" in draw('{% icon "f:player-play" %}')


def test_a_lone_icon_says_what_it_is() -> None:
    assert 'role="img" aria-label="Copy"' in draw('{% icon "copy" "" "Copy" %}')


def test_a_state_is_shape_word_and_wash() -> None:
    found = draw('{% state "in_review" %}')
    assert 'class="state s-in_review"' in found
    assert "#circle-half-2" in found
    assert "In review" in found


def test_a_state_may_be_worded_by_the_page() -> None:
    assert ">Sending<" in draw('{% state "running" "Sending" %}').replace("</svg>Sending", ">Sending")


def test_a_state_nobody_drew_shows_its_own_name_escaped() -> None:
    found = draw("{% state value %}", value="half_<b>")
    assert "half &lt;b&gt;" in found


def test_every_state_of_every_table_has_a_look() -> None:
    named = {
        f"{model._meta.label}.{field.name}: {value}"
        for model in apps.get_models()
        for field in model._meta.fields
        if field.name in {"state", "decision"} and field.choices
        for value, _label in field.choices
    }
    assert len(named) > 20
    assert {state for state in named if state.rpartition(": ")[2] not in STATES} == set()


def test_every_icon_drawn_anywhere_is_in_the_sprite_list() -> None:
    listed = set((ROOT / "static/icons.txt").read_text().split())
    named = re.compile(r'{% icon "([^"]+)"|icon_name="([^"]+)"')
    used = {
        "".join(match) for path in (ROOT / "templates").rglob("*.html") for match in named.findall(path.read_text())
    }
    used |= {look.icon for look in STATES.values()}
    used |= {item.icon for section in NAVIGATION for item in section.items}
    assert used - listed == set()


# ── figures ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (0, "0"), (-81, "−81"), (None, "–"), ("", "–"), ("abc", "–"), (float("nan"), "–")],
)
def test_numbers_have_thousands_and_a_real_minus(value: object, text: str) -> None:
    assert figures.num(value) == text


@pytest.mark.parametrize(("value", "text"), [(741, "+741"), (-81, "−81"), (0, "0"), (-0.2, "0")])
def test_a_difference_carries_its_sign(value: float, text: str) -> None:
    assert figures.signed(value) == text


def test_shares_and_points() -> None:
    assert draw("{{ x|pct:1 }}", x=0.3214) == "32.1%"
    assert draw("{{ x|pct:2 }}", x=Decimal("0.8077")) == "80.77%"
    assert figures.points(0.0075) == "+0.75"
    assert figures.points(-0.0021) == "−0.21"


@pytest.mark.parametrize(
    ("yuan", "chinese", "english"),
    [
        (8909, "¥8,909", "¥8,909"),
        (9999.6, "¥1 万", "¥10 k"),
        (386_000, "¥38.6 万", "¥386 k"),
        (96_0000, "¥96 万", "¥960 k"),
        (98_800_000, "¥9,880 万", "¥98.8 m"),
        (486_000_000, "¥4.86 亿", "¥486 m"),
        (-4_100_000, "−¥410 万", "−¥4.1 m"),
        (12_000_000_000, "¥120 亿", "¥12 bn"),
        (Decimal("0.045"), "¥0.05", "¥0.05"),
        (100, "¥100", "¥100"),
        (None, "–", "–"),
    ],
)
def test_money_takes_the_unit_of_the_language(yuan: object, chinese: str, english: str) -> None:
    with translation.override("zh-hans"):
        assert figures.money(yuan).replace("\u00a0", " ") == chinese
    assert figures.money(yuan).replace("\u00a0", " ") == english


def test_money_as_a_figure_and_to_the_fen() -> None:
    assert draw("{{ x|money_fig }}", x=486_000_000) == "¥486<small>m</small>"
    assert draw("{{ x|money_exact }}", x=1234567) == "¥1,234,567.00"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(9, "9 s"), (190, "3 min 10 s"), (180, "3 min"), (3120, "52 min"), (18000, "5 h"), (86400, "1 day"), (-5, "0 s")],
)
def test_durations_keep_to_what_matters(seconds: int, text: str) -> None:
    assert figures.duration(seconds) == text
    assert figures.duration(timedelta(seconds=seconds)) == text


# ── times ────────────────────────────────────────────────────────────────────


def test_an_instant_is_shown_in_the_banks_zone_which_is_named_on_hover() -> None:
    found = draw('{{ at|when:"full" }}', at=AT)
    assert ">18 Nov 2026 14:32:08</time>" in found
    assert 'title="2026-11-18 14:32:08 Asia/Shanghai (UTC+08:00)"' in found
    assert 'datetime="2026-11-18T14:32:08+08:00"' in found


def test_late_in_the_evening_utc_is_the_next_day_at_the_bank() -> None:
    with translation.override("zh-hans"):
        assert "2020-01-02 07:30" in draw("{{ at|when }}", at=datetime(2020, 1, 1, 23, 30, tzinfo=UTC))


def test_a_date_is_a_day() -> None:
    assert ">5 Mar 2020</time>" in draw("{{ day|when }}", day=date(2020, 3, 5))
    assert draw("{{ day|when }}", day=None) == "–"


def test_ago_counts_whole_minutes() -> None:
    now = datetime.now(UTC)
    assert ">just now<" in draw("{{ at|ago }}", at=now)
    assert ">3 min ago<" in draw("{{ at|ago }}", at=now - timedelta(seconds=195))
    assert ">in 2 days<" in draw("{{ at|ago }}", at=now + timedelta(days=2, hours=1))


# ── bars and intervals ───────────────────────────────────────────────────────


def test_an_interval_stands_on_the_scale_of_its_column() -> None:
    found = draw("{% ci 0.01 0.005 0.015 -0.01 0.03 %}")
    assert 'class="ci"' in found
    assert 'class="z" data-l="25.0"' in found
    assert 'class="b" data-l="37.5" data-r="37.5"' in found
    assert 'class="p" data-l="50.0"' in found
    assert "+1.00 points, 95% interval +0.50 to +1.50" in found
    assert "style=" not in found


@pytest.mark.parametrize(
    ("lo", "hi", "kind", "look"),
    [(-0.01, 0.02, "ci none", "muted"), (-0.02, -0.01, "ci neg", "strong bad"), (0.001, 0.02, "ci", "strong")],
)
def test_doubt_is_drawn(lo: float, hi: float, kind: str, look: str) -> None:
    est = (lo + hi) / 2
    assert f'class="{kind}"' in draw("{% ci est lo hi -0.1 0.1 %}", est=est, lo=lo, hi=hi)
    assert f'class="{look}"' in draw("{% effect est lo hi %}", est=est, lo=lo, hi=hi)


def test_without_an_estimate_nothing_is_pretended() -> None:
    assert "too few to tell" in draw("{% ci None None None 0 1 %}")


def test_progress_never_leaves_its_bar() -> None:
    assert 'data-w="100.00"' in draw("{% progress 12 10 %}")
    found = draw('{% progress 5 10 190 "42/s" %}')
    assert 'aria-valuenow="50"' in found
    assert "3 min 10 s left" in found
    assert "moving" in draw("{% progress 0 0 %}")


def test_a_jobs_pace_gives_the_time_left() -> None:
    job = SimpleNamespace(
        label="Import", state="running", done=600, total=1800, started_at=AT, seen_alive_at=AT + timedelta(seconds=60)
    )
    found = render_to_string("_job.html", {"job": job})
    assert "10/s" in found
    assert "2 min left" in found


def test_a_spark_ends_in_its_last_value() -> None:
    assert 'cx="70.0" cy="2.0"' in draw("{% spark values %}", values=[1, 2, 3])
    assert draw("{% spark values %}", values=[1]) == ""


# ── links and tables ─────────────────────────────────────────────────────────


def test_a_filter_keeps_the_others_and_starts_at_the_first_page() -> None:
    assert draw_at("/x?q=li&page=4", '{% qs state="draft" %}') == "?q=li&amp;state=draft"
    assert draw_at("/x?q=li&page=4", "{% qs page=5 %}") == "?q=li&amp;page=5"
    assert draw_at("/x?q=li&state=a", "{% qs state=None %}") == "?q=li"


def test_a_query_string_cannot_break_out() -> None:
    assert "<script>" not in draw_at("/x?q=%22%3E%3Cscript%3E", "{% qs page=2 %}")


def test_a_column_head_sorts_both_ways() -> None:
    assert 'href="?sort=name"' in draw_at("/x", '{% th "name" "Name" %}')
    found = draw_at("/x?sort=name", '{% th "name" "Name" "num" %}')
    assert 'aria-sort="ascending"' in found
    assert 'href="?sort=-name"' in found


def test_the_pager_counts_rows_and_keeps_the_filter() -> None:
    page = Paginator(range(120), 50).get_page(2)
    found = draw_at("/x?q=li&page=2", "{% pager page %}", page=page)
    assert "51–100 of 120" in found
    assert 'href="?q=li&amp;page=3"' in found
    assert 'aria-current="page">2<' in found


def test_one_page_has_no_links_and_none_has_no_pager() -> None:
    assert "href" not in draw_at("/x", "{% pager page %}", page=Paginator(range(3), 50).get_page(1))
    assert draw_at("/x", "{% pager page %}", page=Paginator([], 50).get_page(1)).strip() == ""


def test_a_room_that_is_not_there_has_no_url() -> None:
    assert draw('{% url_if "nowhere:list" as url %}[{{ url }}]') == "[]"


def test_people_are_masked() -> None:
    assert draw("{{ p|mask_phone }} {{ n|mask_name }}", p="+8613812341234", n="欧阳修远") == "138****1234 欧阳**"


# ── forms ────────────────────────────────────────────────────────────────────


class Plan(forms.Form):
    name = forms.CharField(label="Name", help_text="Seen by approvers")
    kind = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect)
    agreed = forms.BooleanField(label="Agreed")
    note = forms.CharField(required=False, widget=forms.Textarea)

    def clean(self) -> None:
        raise forms.ValidationError("Two campaigns clash.")


@pytest.mark.parametrize("name", ["name", "kind", "agreed"])
def test_a_field_has_its_help_and_error_bound_to_its_control(name: str) -> None:
    found = draw("{% field bound %}", bound=Plan({})[name])
    assert "This field is required." in found
    described = re.search(r'aria-describedby="([^"]+)"', found)
    assert described
    for target in described[1].split():
        assert f'id="{target}"' in found


def test_a_control_has_its_label_and_says_that_it_is_wrong() -> None:
    found = draw("{% field form.name %}", form=Plan({"kind": "a"}))
    assert '<label for="id_name">' in found
    assert 'aria-invalid="true"' in found
    assert "form-control is-invalid" in found


def test_a_group_of_boxes_is_not_itself_drawn_as_a_box() -> None:
    found = draw("{% field form.kind %}", form=Plan({}))
    assert "form-check-input" not in found
    assert "form-control" not in found


def test_a_form_keeps_what_was_typed_and_says_what_is_wrong_as_a_whole() -> None:
    found = draw("{% fields form %}", form=Plan({"name": "<Spring>", "kind": "a"}))
    assert 'value="&lt;Spring&gt;"' in found
    assert "Two campaigns clash." in found
    assert 'role="alert"' in found
    assert "<fieldset" in found
    assert "optional" in found


# ── the shell ────────────────────────────────────────────────────────────────


def visitor(*roles: str) -> SimpleNamespace:
    return SimpleNamespace(is_authenticated=True, is_active=True, roles=frozenset(roles))


def names(request) -> set[str]:
    return {item.name for section in navigation(request) for item in section.items}


def test_the_side_bar_shows_only_what_may_be_opened(monkeypatch) -> None:
    monkeypatch.setattr("marketing.context.reverse", lambda name: f"/{name}/")
    request = RequestFactory().get("/")
    request.user = visitor("rm")
    assert names(request) == {"today", "customers:list"}
    request.user = visitor("manager")
    assert {"campaigns:approvals", "reports:dashboard", "accounts:settings"} <= names(request)
    assert "accounts:audit" not in names(request)


def test_nobody_signed_in_sees_no_navigation() -> None:
    assert navigation(RequestFactory().get("/")) == []


def test_the_present_place_is_the_longest_that_fits() -> None:
    urls = ["/", "/campaigns/", "/campaigns/approvals/"]
    assert present("/campaigns/approvals/7/", urls) == "/campaigns/approvals/"
    assert present("/campaigns/7/", urls) == "/campaigns/"
    assert present("/elsewhere/", urls) == ""
    assert present("/", urls) == "/"


def test_the_theme_is_only_ever_light_or_dark() -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = '"><script>'
    from marketing.context import shell

    assert shell(request)["theme"] == "light"


def test_messages_become_toasts_of_their_level() -> None:
    found = render_to_string("_messages.html", {"messages": [Message(40, "12 rows <b>"), Message(25, "Saved")]})
    assert 'class="toast-m bad"' in found
    assert 'class="toast-m good"' in found
    assert "12 rows &lt;b&gt;" in found


def test_an_error_page_needs_no_request() -> None:
    for name in ("400.html", "403.html", "404.html", "500.html"):
        assert "<h1>" in render_to_string(name, {})


def test_no_template_writes_style_or_script_into_the_page() -> None:
    bad = re.compile(r"\sstyle=|<style|<script(?![^>]*\ssrc=)|\son[a-z]+=\"|javascript:|hx-on|hx-vals='js")
    wrong = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (ROOT / "templates").rglob("*.html")
        for match in bad.finditer(path.read_text())
    }
    assert wrong == set()

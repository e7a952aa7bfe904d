"""The words of the screens: icons, states, figures, times, tables. Builtin in every template."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django import forms, template
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page
from django.http import HttpRequest
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from accounts.models import Role
from marketing import figures
from marketing.lib import crypto
from marketing.lib.days import bank_zone, local
from marketing.looks import STATES, Look

register = template.Library()

FIGURE_FILTERS = ("num", "signed", "pct", "points", "money", "money_exact", "duration")
for _name in FIGURE_FILTERS:
    register.filter(_name, getattr(figures, _name))
register.filter("mask_phone", crypto.mask_phone)
register.filter("mask_name", crypto.mask_name)


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """An icon of the sprite; `f:name` is the filled shape. Give a lone icon its `label`."""
    sprite_id = f"f-{name[2:]}" if name.startswith("f:") else name
    described = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"></use></svg>',
        f"ic {css}".strip(),
        described,
        static("vendor/icons.svg"),
        sprite_id,
    )


@register.simple_tag
def state(value: str, word: str = "") -> SafeString:
    """The badge of a state: shape, word and wash. A state without a look shows its own name."""
    key = str(value)
    look = STATES.get(key) or Look("circle-dashed", key.replace("_", " "))
    return format_html('<span class="state s-{}">{}{}</span>', key, icon(look.icon), word or look.word)


@register.filter
def state_word(value: str) -> str:
    look = STATES.get(str(value))
    return str(look.word) if look else str(value)


@register.simple_tag
def sep() -> SafeString:
    """The drawn middle dot; a typed one is full-width in Chinese fonts."""
    return mark_safe('<span class="sep" aria-hidden="true"></span>')


@register.filter
def money_fig(value: figures.Number) -> SafeString:
    """The amount for a `.stat`: its unit small and grey after the figure."""
    figure, unit = figures.money_parts(value)
    return format_html("{}<small>{}</small>", figure, unit) if unit else format_html("{}", figure)


# ── the shell ────────────────────────────────────────────────────────────────

TOAST_LEVELS = {"error": "bad", "warning": "warn"}


@register.simple_tag
def bank() -> str:
    """The bank's name in the active language."""
    names = settings.BANK_NAME
    return names.get(get_language() or "", "") or names["zh-hans"]


@register.filter
def page_base(request: HttpRequest | None) -> str:
    """The template an error page stands in: the shell for somebody signed in, else a bare page."""
    user = getattr(request, "user", AnonymousUser())
    return "base.html" if user.is_authenticated else "_bare.html"


@register.filter
def toast_level(tag: str) -> str:
    return TOAST_LEVELS.get(tag, "good")


@register.filter
def initial(user: object) -> str:
    return str(user)[:1].upper()


@register.simple_tag
def role_words(roles: Iterable[str]) -> SafeString:
    """The names of the roles with the drawn dot between them."""
    return format_html_join(sep(), "{}", ((Role(role).label,) for role in sorted(roles)))


# ── times ────────────────────────────────────────────────────────────────────


MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def date_text(day: date, *, with_year: bool) -> str:
    if figures.chinese():
        return f"{day:%Y-%m-%d}" if with_year else f"{day:%m-%d}"
    return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if with_year else "")


@register.filter
def when(value: datetime | date | None, shape: str = "minute") -> SafeString:
    """The instant in the bank's zone, the zone on hover.

    `shape` is `minute` (11-18 14:32), `second`, `day`, `time` or `full` (always with the year).
    A plain date is written as a day. The year is left out while it is the current one.
    """
    if value is None or value == "":
        return format_html("{}", figures.MISSING)
    this_year = local(timezone.now()).year
    if not isinstance(value, datetime):
        text = date_text(value, with_year=shape == "full" or value.year != this_year)
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)
    at = local(value)
    day = date_text(at.date(), with_year=shape == "full" or at.year != this_year)
    clock = f"{at:%H:%M:%S}" if shape in {"second", "full"} else f"{at:%H:%M}"
    text = {"day": day, "time": clock}.get(shape, f"{day} {clock}")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact_instant(at), text)


def exact_instant(at: datetime) -> str:
    offset = at.strftime("%z")
    return f"{at:%Y-%m-%d %H:%M:%S} {bank_zone().key} (UTC{offset[:3]}:{offset[3:]})"


@register.filter
def ago(value: datetime | None) -> SafeString:
    """How long ago, the exact instant on hover."""
    if not value:
        return format_html("{}", figures.MISSING)
    at = local(value)
    seconds = (timezone.now() - value).total_seconds()
    text = _("just now") if -60 < seconds < 60 else relative(seconds)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact_instant(at), text)


def relative(seconds: float) -> str:
    # Whole minutes: "3 min 10 s ago" is wrong a second later.
    length = figures.duration(int(abs(seconds)) // 60 * 60)
    return (_("%(length)s ago") if seconds > 0 else _("in %(length)s")) % {"length": length}


# ── bars and intervals; app.js turns data-w, data-l and data-r into CSS ─────


def share(part: float, whole: float) -> float:
    return round(min(max(float(part) / float(whole) * 100, 0), 100), 2) if whole else 0.0


@register.simple_tag
def ci(est: float | None, lo: float | None, hi: float | None, low: float, high: float) -> SafeString:
    """A point with its 95 % bar against zero on the scale `low`–`high`, all of them shares (0.0075).

    Give every row of a column the same scale. An interval over zero is drawn hollow and grey.
    """
    if est is None or lo is None or hi is None:
        return format_html('<span class="muted">{}</span>', _("too few to tell"))
    span = float(high) - float(low)

    def at(value: float) -> float:
        return share(float(value) - float(low), span)

    kind = "none" if lo <= 0 <= hi else "neg" if hi < 0 else ""
    words = _("%(est)s points, 95%% interval %(lo)s to %(hi)s") % {
        "est": figures.points(est),
        "lo": figures.points(lo),
        "hi": figures.points(hi),
    }
    return format_html(
        '<div class="{}" role="img" aria-label="{}" title="{}"><span class="z" data-l="{}"></span>'
        '<span class="b" data-l="{}" data-r="{}"></span><span class="p" data-l="{}"></span></div>',
        f"ci {kind}".strip(),
        words,
        words,
        at(0),
        at(lo),
        round(100 - at(hi), 2),
        at(est),
    )


@register.simple_tag
def effect(est: float | None, lo: float | None, hi: float | None) -> SafeString:
    """The figure beside a `ci`: strong when the interval is clear of zero, red when below it, else muted."""
    if est is None or lo is None or hi is None:
        return format_html('<span class="muted">{}</span>', figures.MISSING)
    look = "muted" if lo <= 0 <= hi else "strong bad" if hi < 0 else "strong"
    return format_html('<span class="{}">{}</span>', look, figures.points(est))


@register.simple_tag
def bar(part: float, whole: float = 100, css: str = "", label: str = "") -> SafeString:
    """A share of a whole as a thin bar; `css` may be `l` (tall), `warn`, `bad`, `good` or `control`."""
    width = share(part or 0, whole or 0)
    said = format_html(' role="img" aria-label="{}"', label or figures.pct(width / 100))
    return format_html('<div class="{}"{}><i data-w="{}"></i></div>', f"bar {css}".strip(), said, width)


@register.inclusion_tag("_progress.html")
def progress(done: int, total: int, left: object = None, rate: str = "", label: str = "") -> dict[str, Any]:
    """Long work: bar, count, rate and time left (seconds). Without a total the bar only moves."""
    return {
        "done": done,
        "total": total,
        "width": share(done or 0, total or 0),
        "left": figures.duration(left) if left not in (None, "") else "",
        "rate": rate,
        "label": label or _("Progress"),
    }


@register.simple_tag
def job_pace(job: Any) -> dict[str, Any]:
    """How fast a job goes and the seconds it still needs, both from its start to when it last showed life."""
    since, until = job.started_at, job.seen_alive_at
    seconds = (until - since).total_seconds() if since and until else 0
    if seconds <= 0 or not job.done:
        return {"rate": "", "left": None}
    speed = job.done / seconds
    left = max(job.total - job.done, 0) / speed if job.total else None
    return {"rate": _("%(n)s/s") % {"n": figures.num(speed)} if speed >= 1 else "", "left": left}


@register.simple_tag
def spark(values: Sequence[float], css: str = "") -> SafeString:
    """A line the height of a table row; the table beside it holds the figures."""
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    step, reach = 68 / (len(known) - 1), (high - low) or 1
    spots = [(round(2 + i * step, 1), round(18 - (v - low) / reach * 16, 1)) for i, v in enumerate(known)]
    line = " ".join(f"{x},{y}" for x, y in spots)
    return format_html(
        '<svg class="{}" viewBox="0 0 72 20" aria-hidden="true"><polyline points="{}"></polyline>'
        '<circle cx="{}" cy="{}" r="2"></circle></svg>',
        f"spark {css}".strip(),
        line,
        *spots[-1],
    )


# ── links and tables ─────────────────────────────────────────────────────────


@register.simple_tag
def url_if(name: str, *args: object, **kwargs: object) -> str:
    """The URL of a room's page, or nothing when that room is not installed."""
    try:
        return reverse(name, args=args, kwargs=kwargs)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def qs(context: Context, **changes: object) -> str:
    """The present query string with these keys replaced; `None` takes a key out.

    Anything but a page turn starts again at the first page.
    """
    query = context["request"].GET.copy()
    if "page" not in changes:
        query.pop("page", None)
    for key, value in changes.items():
        if value is None or value == "":
            query.pop(key, None)
        elif isinstance(value, list | tuple):
            query.setlist(key, [str(item) for item in value])
        else:
            query[key] = str(value)
    return "?" + query.urlencode()


@register.simple_tag(takes_context=True)
def th(context: Context, key: str, label: str, css: str = "") -> SafeString:
    """A column head that sorts by `?sort=key`, then by `?sort=-key`."""
    now = context["request"].GET.get("sort", "")
    up, down = now == key, now == f"-{key}"
    sort = format_html(' aria-sort="{}"', "ascending" if up else "descending") if up or down else ""
    mark = icon("chevron-up" if up else "chevron-down", "ic-s") if up or down else ""
    target = qs(context, sort=f"-{key}" if up else key)
    return format_html(
        '<th scope="col" class="{}"{}><a class="th-sort" href="{}">{}{}</a></th>', css, sort, target, label, mark
    )


@register.inclusion_tag("_pager.html", takes_context=True)
def pager(context: Context, page: Page) -> dict[str, Any]:
    """Which rows of how many, and the way to the others; keeps every filter in the URL."""
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    links = [(n, qs(context, page=n) if isinstance(n, int) else "") for n in numbers]
    return {
        "page": page,
        "links": links,
        "before": qs(context, page=page.number - 1) if page.has_previous() else "",
        "after": qs(context, page=page.number + 1) if page.has_next() else "",
    }


@register.simple_tag
def hidden(items: Iterable[tuple[str, object]]) -> SafeString:
    """Hidden inputs, to carry values that a form does not show."""
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', items)


# ── forms ────────────────────────────────────────────────────────────────────

GROUPS = (forms.RadioSelect, forms.CheckboxSelectMultiple)


def widget_class(widget: forms.Widget) -> str:
    """The class a control needs. A group of boxes needs none: Django would put it on the group as well."""
    if isinstance(widget, GROUPS):
        return ""
    if isinstance(widget, forms.CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


@register.inclusion_tag("_field.html")
def field(bound: forms.BoundField, css: str = "", label: str = "", **attrs: Any) -> dict[str, Any]:
    """One form field: label, control, help, error. Further arguments become attributes (`_` is `-`)."""
    widget = bound.field.widget
    given = {key.replace("_", "-"): value for key, value in attrs.items()}
    classes = [widget.attrs.get("class", ""), widget_class(widget)]
    if isinstance(widget, forms.Textarea):
        given.setdefault("rows", 4)
    if bound.errors and not isinstance(widget, GROUPS):
        classes.append("is-invalid")
    given["class"] = " ".join(filter(None, classes))
    return {
        "field": bound,
        "control": bound.as_widget(attrs=given),
        "css": css,
        "label": label or bound.label,
        "kind": bound.widget_type,
        "grouped": bound.use_fieldset,
        "error_id": f"{bound.auto_id}_error",
        "optional": pgettext("form field", "optional"),
    }


@register.inclusion_tag("_fields.html")
def fields(form: forms.BaseForm) -> dict[str, Any]:
    """Every field of a form in its own order, and what is wrong with the form as a whole."""
    return {"form": form}

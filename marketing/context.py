"""What the shell of every page needs: navigation the user may open, theme, behaviours."""

from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.permissions import has


@dataclass(frozen=True)
class Place:
    """A page of the side bar. `key` follows `g` on the keyboard; `count` answers with how many wait there."""

    name: str
    label: str | Promise
    icon: str
    permission: str
    key: str
    count: str = ""
    url: str = ""
    count_url: str = ""
    on: bool = False


@dataclass(frozen=True)
class Section:
    label: str | Promise
    items: list[Place] = field(default_factory=list)


NAVIGATION = (
    Section(
        "",
        [
            Place("today", _("Today"), "layout-dashboard", "today.view", "t"),
            Place("campaigns:list", _("Campaigns"), "speakerphone", "campaigns.view", "c"),
            Place("segments:list", _("Segments"), "users-group", "segments.view", "s"),
            Place(
                "campaigns:approvals",
                _("Approvals"),
                "checklist",
                "campaigns.approve",
                "a",
                count="campaigns:approvals_count",
            ),
            Place("delivery:inbox", _("Replies"), "message-2", "delivery.inbox", "r", count="delivery:inbox_count"),
        ],
    ),
    Section(
        pgettext_lazy("navigation", "Results"),
        [Place("reports:dashboard", _("Dashboard"), "report-analytics", "reports.view", "d")],
    ),
    Section(
        pgettext_lazy("navigation", "Foundation"),
        [
            Place("customers:list", _("Customers"), "user-search", "customers.view", "k"),
            Place("warehouse:feeds", _("Data"), "database", "feeds.view", "f"),
            Place("delivery:gateways", _("Gateways"), "plug", "delivery.view", "g"),
            Place("accounts:settings", _("Settings"), "settings", "settings.view", "e"),
            Place("accounts:audit", _("Audit"), "history", "audit.view", "u"),
        ],
    ),
)
TABS = 4
BEHAVIOURS = [f"js/{name}.js" for name in ("app", "toasts", "dialogs", "menus", "shortcuts", "autosubmit", "filedrop")]


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor; the navigation is worked out only when a template draws it."""
    nav = SimpleLazyObject(lambda: navigation(request))
    return {
        "nav": nav,
        "tabs": SimpleLazyObject(lambda: [item for section in nav for item in section.items][:TABS]),
        "theme": theme(request),
        "behaviours": BEHAVIOURS,
    }


def theme(request: HttpRequest) -> str:
    """The theme the browser was last shown; theme.js corrects the first page of a new browser."""
    return "dark" if request.COOKIES.get("theme") == "dark" else "light"


def navigation(request: HttpRequest) -> list[Section]:
    """The sections with what this user may open, the present page marked."""
    user = getattr(request, "user", None)
    sections = [Section(section.label, openable(section, user)) for section in NAVIGATION]
    here = present(request.path, [item.url for section in sections for item in section.items])
    return [
        Section(section.label, [replace(item, on=item.url == here) for item in section.items])
        for section in sections
        if section.items
    ]


def openable(section: Section, user: Any) -> list[Place]:
    places = (
        replace(item, url=find(item.name), count_url=find(item.count))
        for item in section.items
        if has(user, item.permission)
    )
    return [place for place in places if place.url]


def find(name: str) -> str:
    try:
        return reverse(name) if name else ""
    except NoReverseMatch:
        return ""


def present(path: str, urls: list[str]) -> str:
    """The place the path lies in: the longest URL it starts with; `/` is only itself."""
    return max((url for url in urls if path == url or (url != "/" and path.startswith(url))), key=len, default="")

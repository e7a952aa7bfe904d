"""The first line of a file: every column has a name, no name stands twice, and it is names and not data."""

from __future__ import annotations

from django.utils.translation import gettext as _

from marketing.lib.errors import UserError

MAX_COLUMNS = 500


def require_header(header: list[str]) -> None:
    """Refuse a header with a name twice, a name missing, or figures instead of names."""
    names = [name.strip() for name in header]
    if not any(names):
        raise UserError(_("The first line holds no column names. Nothing was loaded; add a header and upload again."))
    if len(names) > MAX_COLUMNS:
        raise UserError(_("The file has more than %(limit)d columns.") % {"limit": MAX_COLUMNS})
    for number, name in enumerate(names, 1):
        if not name:
            raise UserError(
                _("Column %(number)d has no name in the header. Name it and upload again.") % {"number": number}
            )
    _require_unique(names)
    if sum(_is_figure(name) for name in names) * 2 > len(names):
        raise UserError(_("The first line looks like data, not like column names. Add a header line and upload again."))


def _require_unique(names: list[str]) -> None:
    places: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in places:
            raise UserError(
                _(
                    "The column “%(name)s” stands twice in the header (columns %(first)d and %(second)d). Nothing was "
                    "loaded; rename one and upload again."
                )
                % {"name": name, "first": places[name], "second": number}
            )
        places[name] = number


def _is_figure(name: str) -> bool:
    return name.replace(".", "", 1).replace("-", "").replace(":", "").replace(" ", "").isdigit()

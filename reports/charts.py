"""What the charts of the reports are given: numbers and words, as plain JSON."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from reports.queries import Week


def weekly(weeks: list[Week]) -> dict[str, Any] | None:
    """Return the conversions of each week, or None where there is nothing to draw."""
    if not weeks:
        return None
    return {
        "weeks": [f"{week.monday:%m-%d}" for week in weeks],
        "anyway": [round(max(week.anyway, 0), 1) for week in weeks],
        "extra": [round(week.extra, 1) for week in weeks],
        # the bar stands on zero, so its whisker ends there; the table has the whole interval
        "lo": [round(max(week.low, -week.anyway), 1) for week in weeks],
        "hi": [round(week.high, 1) for week in weeks],
        "open": [week.open for week in weeks],
        "words": {
            "anyway": _("would have happened anyway"),
            "extra": _("extra"),
            "interval": _("interval (95 %)"),
        },
    }

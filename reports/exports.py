"""Reports that leave as a file: every one audited, with the figures of the screen and no person in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Department, User
from accounts.permissions import require
from campaigns.models import Campaign
from marketing.lib.days import local
from marketing.lib.export import csv_response, xlsx_response
from marketing.looks import STATES
from outcomes.results import ArmFigures, CampaignResult, Result
from reports.queries import CampaignRow, Dashboard


def dashboard(
    found: Dashboard, *, department: Department | None, by: User, at: datetime, file_format: str
) -> HttpResponseBase:
    """Return the campaigns of a dashboard with their total as a download."""
    require(by, "reports.export")
    rows = [*(_campaign_row(row) for row in found.rows), _total_row(found)]
    detail = {"what": "dashboard", "from": found.period.first, "to": found.period.last, "rows": len(found.rows)}
    audit.record(action="reports.export", by=by, at=at, on=department, detail=detail)
    name = f"{department.name if department else _('All departments')} {found.period.first} – {found.period.last}"
    return _file(name, _header(), rows, file_format)


def _header() -> list[str]:
    return [
        _("Campaign"),
        _("State"),
        _("Launched"),
        _("Treated"),
        _("Control"),
        _("Reached"),
        _("Converted, treated"),
        _("Converted, control"),
        _("Rate, treated"),
        _("Rate, control"),
        _("Lift"),
        _("Lift from"),
        _("Lift to"),
        _("Extra conversions"),
        _("Extra from"),
        _("Extra to"),
        _("Extra amount (yuan)"),
        _("Cost (yuan)"),
    ]


def _campaign_row(row: CampaignRow) -> list[Any]:
    state, launched = row.campaign.state, row.campaign.launched_at
    word = str(STATES[state].word) if state in STATES else state
    when = f"{local(launched):%Y-%m-%d %H:%M}" if launched else ""
    return [row.campaign.name, word, when, *_figures(row.result, row.cost)]


def _total_row(found: Dashboard) -> list[Any]:
    return [_("Total"), "", "", *_figures(found.total, found.cost)]


def _figures(result: Result, cost: Any) -> list[Any]:
    lift = result.lift
    return [
        result.treated.people,
        result.control.people,
        result.reached,
        result.treated.converted,
        result.control.converted,
        result.treated.rate,
        result.control.rate,
        lift.estimate,
        lift.low,
        lift.high,
        lift.extra,
        lift.extra_low,
        lift.extra_high,
        round(result.value.estimate, 2) if result.value else None,
        float(cost),
    ]


def campaign(
    of: Campaign, shown: CampaignResult | None, *, by: User, at: datetime, file_format: str
) -> HttpResponseBase:
    """Return a campaign's report – both arms, funnel, every day – as a download."""
    require(by, "reports.export")
    rows = list(_report(shown)) if shown else []
    audit.record(action="reports.export", by=by, at=at, on=of, detail={"what": "campaign", "rows": len(rows)})
    header = [_("Part"), _("Figure"), _("Treated"), _("Control"), _("Difference"), _("from"), _("to")]
    return _file(of.name, header, rows, file_format)


def _report(shown: CampaignResult) -> Iterable[list[Any]]:
    result, lift = shown.result, shown.result.lift
    whole, funnel, per_day = _("Result"), _("Funnel"), _("By day")
    yield [whole, _("People"), result.treated.people, result.control.people, None, None, None]
    yield [whole, _("Converted"), result.treated.converted, result.control.converted, lift.extra, *_extra(result)]
    yield [whole, _("Rate"), result.treated.rate, result.control.rate, lift.estimate, lift.low, lift.high]
    yield [whole, _("Amount (yuan)"), _amount(result.treated), _amount(result.control), *_worth(result)]
    control = dict(zip(("applied", "approved", "opened"), shown.funnel.control, strict=True))
    for step in shown.funnel.steps:
        yield [funnel, step.label, step.people, control.get(step.name), None, None, None]
    for day in shown.days:
        yield [
            per_day,
            day.day.isoformat(),
            day.treated,
            day.control,
            day.lift.estimate,
            day.lift.low,
            day.lift.high,
        ]


def _extra(result: Result) -> list[float | None]:
    return [result.lift.extra_low, result.lift.extra_high]


def _amount(arm: ArmFigures) -> float | None:
    return None if arm.amount is None else float(arm.amount)


def _worth(result: Result) -> list[float | None]:
    value = result.value
    return [value.estimate, value.low, value.high] if value else [None, None, None]


def _file(name: str, header: Sequence[str], rows: list[list[Any]], file_format: str) -> HttpResponseBase:
    if file_format == "csv":
        return csv_response(f"{name}.csv", header, rows)
    return xlsx_response(f"{name}.xlsx", header, rows)

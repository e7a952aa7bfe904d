"""The reports for programs: the same figures, the same eyes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import holds
from accounts.models import User
from campaigns.api import split_of
from campaigns.models import Campaign
from marketing.lib import days
from outcomes import results
from outcomes.results import ArmFigures, CampaignResult, Result
from reports import queries
from reports.queries import Dashboard
from reports.views import asked

PERIOD = [
    OpenApiParameter("period", str, description="2026-Q4 or 2026-11; without it the present quarter"),
    OpenApiParameter("from", OpenApiTypes.DATE, description="first day, with `to` instead of `period`"),
    OpenApiParameter("to", OpenApiTypes.DATE, description="last day"),
    OpenApiParameter("department", str, description="code; for roles that see the whole bank"),
]


class CampaignReport(APIView):
    """Whom a campaign was for (audience = treated + control + excluded), its latest submission, and what it brought."""

    permission_classes = [holds("reports.view")]

    @extend_schema(operation_id="campaign_report", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        campaign = get_object_or_404(Campaign.objects.visible_to(cast(User, request.user)), pk=pk)
        shown = results.of_campaign(campaign, at=days.now())
        return Response({"id": campaign.pk, "name": campaign.name} | split_of(campaign) | _report(shown))


class DashboardReport(APIView):
    """What the campaigns launched within a period brought."""

    permission_classes = [holds("reports.view")]

    @extend_schema(operation_id="dashboard", parameters=PERIOD, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        question = asked(user, request.query_params)
        found = queries.dashboard(user, department=question.department, period=question.period, at=days.now())
        return Response(_dashboard(found))


def _report(shown: CampaignResult | None) -> dict[str, Any]:
    if shown is None:
        return {"result": None}
    return {
        "window_ends": shown.window_ends,
        "window_open": shown.open,
        "result": _result(shown.result),
        "funnel": {step.name: step.people for step in shown.funnel.steps},
        "days": [
            {"day": day.day, "treated": day.treated, "control": day.control, "lift": day.lift.estimate}
            for day in shown.days
        ],
    }


def _result(result: Result) -> dict[str, Any]:
    lift, value = result.lift, result.value
    return {
        "treated": _arm(result.treated),
        "control": _arm(result.control),
        "total": _arm(result.both),
        "reached": result.reached,
        "lift": {"estimate": lift.estimate, "low": lift.low, "high": lift.high, "conclusive": lift.conclusive},
        "extra_conversions": {"estimate": lift.extra, "low": lift.extra_low, "high": lift.extra_high},
        "extra_amount": {"estimate": value.estimate, "low": value.low, "high": value.high} if value else None,
    }


def _arm(arm: ArmFigures) -> dict[str, Any]:
    return {"people": arm.people, "converted": arm.converted, "rate": arm.rate, "amount": _yuan(arm.amount)}


def _yuan(amount: Decimal | None) -> str | None:
    """Money as text: a number would lose its decimals on the way."""
    return None if amount is None else f"{amount:.2f}"


def _dashboard(found: Dashboard) -> dict[str, Any]:
    return {
        "from": found.period.first,
        "to": found.period.last,
        "as_of": found.as_of,
        "people_reached": found.reached,
        "coverage": found.coverage,
        "cost": _yuan(found.cost),
        "draft_to_launch_hours": found.to_launch.total_seconds() / 3600 if found.to_launch else None,
        "total": _result(found.total),
        "campaigns": [
            {"id": row.campaign.pk, "name": row.campaign.name, "state": row.campaign.state, "cost": _yuan(row.cost)}
            | _result(row.result)
            for row in found.rows
        ],
    }

"""Campaigns for programs: the verbs of the pages, with the same permissions and the same sentences."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import holds
from campaigns import approval, editing
from campaigns.hours import refuse_past
from campaigns.models import Campaign
from campaigns.signing import VERBS
from customers.models import Product
from marketing.lib import days
from marketing.lib.errors import UserError
from segments.models import Segment, Version


class CampaignOut(serializers.ModelSerializer[Campaign]):
    department = serializers.CharField(source="department.code")
    owner = serializers.CharField(source="owner.username")
    product = serializers.CharField(source="product.code", allow_null=True, default=None)
    segment = serializers.IntegerField(source="audience.segment_id", allow_null=True, default=None)
    segment_version = serializers.IntegerField(source="audience.number", allow_null=True, default=None)
    text = serializers.SerializerMethodField()

    class Meta:
        model = Campaign
        fields = [
            "id", "name", "state", "department", "owner", "product", "segment", "segment_version", "text",
            "control_percent", "goal_days", "budget", "size_tolerance_percent", "approved_size", "scheduled_at",
            "created_at", "changed_at", "launched_at", "finished_at",
        ]  # fmt: skip

    def get_text(self, campaign: Campaign) -> str:
        variants = (variant for step in campaign.steps.all() for variant in step.variants.all())
        return next((variant.text for variant in variants), "")


class CampaignIn(serializers.Serializer[Any]):
    """What a caller may set; the state is moved by verbs, never set."""

    name = serializers.CharField(max_length=80)
    product = serializers.SlugRelatedField(
        slug_field="code", queryset=Product.objects.filter(is_active=True), required=False, allow_null=True
    )
    segment = serializers.IntegerField(required=False, help_text="id; its newest version is taken")
    text = serializers.CharField(max_length=500, required=False, allow_blank=True)
    control_percent = serializers.DecimalField(max_digits=4, decimal_places=1, required=False)
    goal_days = serializers.IntegerField(required=False)
    budget = serializers.DecimalField(max_digits=12, decimal_places=2, required=False, allow_null=True)
    size_tolerance_percent = serializers.IntegerField(required=False)
    scheduled_at = serializers.DateTimeField(required=False, allow_null=True)


class DecisionIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    seen = serializers.CharField(max_length=64, required=False, help_text="content_hash that was looked at")


class SubmissionOut(serializers.Serializer[Any]):
    content_hash = serializers.CharField()
    decision = serializers.CharField()
    submitted_at = serializers.DateTimeField()
    expected = serializers.JSONField()


class SplitOut(serializers.Serializer[Any]):
    """What the latest run did with everybody: audience = treated + control + the excluded."""

    state = serializers.CharField()
    run = serializers.IntegerField(allow_null=True)
    audience = serializers.IntegerField()
    treated = serializers.IntegerField()
    control = serializers.IntegerField()
    excluded = serializers.DictField(child=serializers.IntegerField())
    approval = SubmissionOut(allow_null=True)


def _visible(request: Request) -> Any:
    found = Campaign.objects.visible_to(request.user)  # type: ignore[arg-type]
    return found.select_related("department", "owner", "product", "audience").prefetch_related("steps__variants")


def _plan(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    """Turn what was sent into the plan's own fields."""
    plan = {key: value for key, value in given.items() if key not in ("segment", "text")}
    refuse_past(plan.get("scheduled_at"), at=days.now())
    if "segment" in given:
        plan["audience"] = _newest(request, given["segment"])
    return plan


def _newest(request: Request, segment: int) -> Version | None:
    found = Segment.objects.visible_to(request.user).filter(pk=segment).first()  # type: ignore[arg-type]
    if found is None:
        sentence = _("There is no such segment.")
        raise UserError(sentence, fields={"segment": sentence})
    return found.latest


class CampaignList(ListAPIView[Campaign]):
    """List the campaigns the caller may see; plan one."""

    serializer_class = CampaignOut

    def get_permissions(self) -> list[Any]:
        return [holds("campaigns.edit" if self.request.method == "POST" else "campaigns.view")()]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Campaign.objects.none()
        return _visible(self.request)

    @extend_schema(request=CampaignIn, responses={201: CampaignOut})
    def post(self, request: Request) -> Response:
        given = CampaignIn(data=request.data)
        given.is_valid(raise_exception=True)
        at = days.now()
        made = editing.create(**_plan(request, given.validated_data), by=request.user, at=at)  # type: ignore[arg-type]
        if text := given.validated_data.get("text"):
            editing.write(campaign=made, text=text, by=request.user, at=at)  # type: ignore[arg-type]
        return Response(CampaignOut(_visible(request).get(pk=made.pk)).data, status=status.HTTP_201_CREATED)


class CampaignDetail(APIView):
    """Read a campaign; change its plan, which voids an approval."""

    def get_permissions(self) -> list[Any]:
        return [holds("campaigns.view" if self.request.method == "GET" else "campaigns.edit")()]

    @extend_schema(responses=CampaignOut)
    def get(self, request: Request, pk: int) -> Response:
        return Response(CampaignOut(get_object_or_404(_visible(request), pk=pk)).data)

    @extend_schema(request=CampaignIn, responses=CampaignOut)
    def patch(self, request: Request, pk: int) -> Response:
        campaign = get_object_or_404(_visible(request), pk=pk)
        given = CampaignIn(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        at, plan = days.now(), _plan(request, given.validated_data)
        if plan:
            editing.change(campaign=campaign, by=request.user, at=at, **plan)  # type: ignore[arg-type]
        if "text" in given.validated_data:
            editing.write(campaign=campaign, text=given.validated_data["text"], by=request.user, at=at)  # type: ignore[arg-type]
        return Response(CampaignOut(_visible(request).get(pk=pk)).data)


class CampaignVerb(APIView):
    """Submit, withdraw, approve, return, launch, pause, resume, cancel or copy: what the pages' buttons do."""

    permission_classes = [holds("campaigns.view")]

    @extend_schema(
        operation_id="campaigns_do",
        request=DecisionIn,
        responses=CampaignOut,
        parameters=[OpenApiParameter("verb", str, OpenApiParameter.PATH, enum=sorted([*VERBS, "schedule"]))],
    )
    def post(self, request: Request, pk: int, verb: str) -> Response:
        campaign = get_object_or_404(_visible(request), pk=pk)
        verb = "launch" if verb == "schedule" else verb
        if verb not in VERBS:
            raise Http404
        given = DecisionIn(data=request.data)
        given.is_valid(raise_exception=True)
        sent = given.validated_data
        if verb == "approve" and "seen" not in sent:
            approval.approve(campaign=campaign, by=request.user, at=days.now(), comment=sent["reason"])  # type: ignore[arg-type]
            made = None
        else:
            made = VERBS[verb][0](campaign, request.user, days.now(), sent)  # type: ignore[arg-type]
        shown = made.pk if verb == "copy" and made else pk
        return Response(CampaignOut(_visible(request).get(pk=shown)).data)


def split_of(campaign: Campaign) -> dict[str, Any]:
    """Return the sums of a campaign's latest run and its latest submission, as its report shows them."""
    run, latest = campaign.runs.order_by("-number").first(), campaign.approvals.first()
    sums = {key: getattr(run, key) if run else 0 for key in ("audience", "treated", "control")}
    excluded = run.excluded if run else {}
    number = run.number if run else None
    return dict(
        SplitOut({"state": campaign.state, "run": number, **sums, "excluded": excluded, "approval": latest}).data
    )

"""What programs may ask about sending: the messages of a run, counted."""

from __future__ import annotations

from typing import cast

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import holds
from accounts.models import User
from campaigns.models import Campaign, Run
from delivery import progress
from marketing.lib import days


class LineSerializer(serializers.Serializer):
    """A state, with its reason where one is told apart, and how many messages are in it."""

    state = serializers.CharField()
    reason = serializers.CharField()
    count = serializers.IntegerField()


class RunMessages(APIView):
    """How many messages of a run are in which state; the lines add up to the treated targets × steps."""

    permission_classes = [holds("delivery.view")]

    @extend_schema(
        responses=inline_serializer(
            "RunMessages",
            {
                "run": serializers.IntegerField(),
                "campaign": serializers.IntegerField(),
                "expected": serializers.IntegerField(),
                "total": serializers.IntegerField(),
                "per_second": serializers.FloatField(),
                "lines": LineSerializer(many=True),
            },
        )
    )
    def get(self, request: Request, pk: int) -> Response:
        runs = Run.objects.filter(campaign__in=Campaign.objects.visible_to(cast(User, request.user)))
        run = get_object_or_404(runs, pk=pk)
        numbers = progress.of(run, at=days.now())
        return Response(
            {
                "run": run.pk,
                "campaign": run.campaign_id,
                "expected": numbers.expected,
                "total": numbers.total,
                "per_second": numbers.per_second,
                "lines": LineSerializer(numbers.lines, many=True).data,
            }
        )

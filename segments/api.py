"""Segments for programs: the verbs of the pages, with the same permissions and the same sentences."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import holds
from accounts.models import Department, User
from marketing.lib import days
from marketing.lib.errors import UserError

from . import counting, editing, snapshots
from .catalogue import catalogue
from .models import Segment, Snapshot, Version
from .rules import parse


class VersionOut(serializers.ModelSerializer[Version]):
    class Meta:
        model = Version
        fields = ["number", "rule", "rule_hash", "size", "as_of", "created_at"]


class SegmentOut(serializers.ModelSerializer[Segment]):
    department = serializers.CharField(source="department.code")
    owner = serializers.CharField(source="owner.username")
    size = serializers.IntegerField(source="latest_size", allow_null=True)
    version = serializers.IntegerField(source="latest_number", allow_null=True)
    as_of = serializers.DateField(source="latest_as_of", allow_null=True)

    class Meta:
        model = Segment
        fields = ["id", "name", "note", "department", "owner", "created_at", "version", "size", "as_of"]


class SegmentIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=editing.LONGEST_NAME)
    note = serializers.CharField(max_length=editing.LONGEST_NOTE, required=False, allow_blank=True, default="")
    rule = serializers.JSONField()
    department = serializers.SlugRelatedField(
        slug_field="code", queryset=Department.objects.all(), required=False, default=None, help_text="department code"
    )


class RuleIn(serializers.Serializer[Any]):
    rule = serializers.JSONField()


class CountOut(serializers.Serializer[counting.Count]):
    size = serializers.IntegerField(help_text="members")
    total = serializers.IntegerField(help_text="customers the caller may see")
    as_of = serializers.DateField(help_text="date of the data")
    seconds = serializers.FloatField()


class SnapshotOut(serializers.ModelSerializer[Snapshot]):
    version = serializers.IntegerField(source="version.number")

    class Meta:
        model = Snapshot
        fields = ["id", "version", "as_of", "size", "sha256", "frozen_at"]


class SegmentList(ListAPIView[Segment]):
    """List the segments the caller may see, newest first; make one."""

    serializer_class = SegmentOut

    def get_permissions(self) -> list[Any]:
        return [holds("segments.edit" if self.request.method == "POST" else "segments.view")()]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Segment.objects.none()
        return _visible(self.request).in_use()

    @extend_schema(request=SegmentIn, responses={201: SegmentOut})
    def post(self, request: Request) -> Response:
        given = SegmentIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = editing.create_segment(**given.validated_data, by=_user(request), at=days.now())
        return Response(SegmentOut(_visible(request).get(pk=made.pk)).data, status=status.HTTP_201_CREATED)


class SegmentDetail(APIView):
    """Read one segment with all its versions."""

    permission_classes = [holds("segments.view")]

    @extend_schema(responses=SegmentOut)
    def get(self, request: Request, pk: int) -> Response:
        segment = get_object_or_404(_visible(request), pk=pk)
        versions = VersionOut(segment.versions.all(), many=True).data
        return Response({**SegmentOut(segment).data, "versions": versions})


class RuleCount(APIView):
    """Count a rule that need not be saved."""

    permission_classes = [holds("segments.view")]

    @extend_schema(request=RuleIn, responses=CountOut)
    def post(self, request: Request) -> Response:
        given = RuleIn(data=request.data)
        given.is_valid(raise_exception=True)
        rule = parse(given.validated_data["rule"], catalogue())
        return Response(CountOut(counting.count(rule, _user(request))).data)


class SegmentSnapshots(APIView):
    """List the snapshots of a segment; freeze its newest version."""

    def get_permissions(self) -> list[Any]:
        return [holds("segments.edit" if self.request.method == "POST" else "segments.view")()]

    @extend_schema(responses=SnapshotOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        segment = get_object_or_404(_visible(request), pk=pk)
        found = Snapshot.objects.filter(version__segment=segment).select_related("version")
        return Response(SnapshotOut(found, many=True).data)

    @extend_schema(request=None, responses={201: SnapshotOut})
    def post(self, request: Request, pk: int) -> Response:
        version = get_object_or_404(_visible(request), pk=pk).latest
        if version is None:
            raise UserError(_("This segment has no rule yet."))
        snapshot = snapshots.freeze(version=version, by=_user(request), at=days.now())
        return Response(SnapshotOut(snapshot).data, status=status.HTTP_201_CREATED)


def _visible(request: Request) -> Any:
    return Segment.objects.visible_to(_user(request)).with_latest().select_related("department", "owner")


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # every view asks `holds`
    return request.user

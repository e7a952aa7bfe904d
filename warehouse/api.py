"""Feeds for programs: deliver a file, follow it. The verbs of the pages, with the same sentences."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import holds
from accounts.models import User
from marketing.lib import days
from marketing.lib.errors import UserError
from warehouse import imports, rejects
from warehouse.feeds import reading
from warehouse.models import FeedKind, FeedRun
from warehouse.uploading import OVERHEAD


class FeedRunOut(serializers.ModelSerializer[FeedRun]):
    reject_reasons = serializers.SerializerMethodField(help_text="[{reason, sentence, rows}]")

    class Meta:
        model = FeedRun
        fields = [
            "id",
            "kind",
            "state",
            "file_name",
            "size",
            "sha256",
            "as_of",
            "rows_in",
            "rows_landed",
            "rows_rejected",
            "rows_changed",
            "reject_reasons",
            "error",
            "mapping",
            "uploaded_at",
            "started_at",
            "finished_at",
        ]

    def get_reject_reasons(self, run: FeedRun) -> list[dict[str, Any]]:
        return [
            {"reason": reason, "sentence": rejects.summary(reason), "rows": rows}
            for reason, rows in run.reject_reasons.items()
        ]


class FeedIn(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True, help_text="CSV, gzipped CSV, Excel (.xlsx) or Parquet")
    kind = serializers.ChoiceField(choices=FeedKind.choices)
    mapping = serializers.CharField(
        required=False, help_text="JSON as in a mapping file; guessed or remembered without"
    )
    as_of = serializers.DateField(required=False, help_text="the day the file describes")


class OpeningsIn(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)  # refused by the reader, in the page's words
    mapping = serializers.CharField(required=False)


def require_announced_size(request: HttpRequest | Request) -> None:
    """Refuse a body that says it is too large, before it is read."""
    reading.require_size(max(int(request.META.get("CONTENT_LENGTH") or 0) - OVERHEAD, 1))


def take(request: Request, kind: str, given: dict[str, Any]) -> FeedRun:
    """Upload, configure and start in one call."""
    at, file = days.now(), given["file"]
    by: User = request.user  # type: ignore[assignment]
    run = imports.upload(file=file.file, name=file.name, kind=kind, by=by, at=at)
    try:
        mapping = _mapping(given.get("mapping")) or run.mapping
        as_of: date | None = given.get("as_of")
        imports.configure(run=run, mapping=mapping, as_of=as_of, by=by, at=at)
    except UserError:
        imports.drop(run=run, at=at)
        raise
    imports.start(run=run, by=by, at=at)
    run.refresh_from_db()
    return run


def _mapping(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        mapping = json.loads(text)
    except ValueError as error:
        raise UserError(_("The mapping cannot be read as JSON."), fields={"mapping": _("not JSON")}) from error
    if not isinstance(mapping, dict) or not isinstance(mapping.get("columns", {}), dict):
        raise UserError(_("The mapping must be an object with “columns”."), fields={"mapping": _("not an object")})
    return mapping


class FeedList(ListAPIView[FeedRun]):
    """List deliveries, newest first; deliver a file."""

    serializer_class = FeedRunOut
    queryset = FeedRun.objects.order_by("-uploaded_at")
    parser_classes = (MultiPartParser,)

    def get_permissions(self) -> list[Any]:
        return [holds("feeds.load" if self.request.method == "POST" else "feeds.view")()]

    @extend_schema(request={"multipart/form-data": FeedIn}, responses={202: FeedRunOut})
    def post(self, request: Request) -> Response:
        require_announced_size(request)
        given = FeedIn(data=request.data)
        given.is_valid(raise_exception=True)
        run = take(request, given.validated_data["kind"], given.validated_data)
        return Response(FeedRunOut(run).data, status=status.HTTP_202_ACCEPTED)


class FeedDetail(APIView):
    """Say how far a delivery is and what became of its rows."""

    permission_classes = (holds("feeds.view"),)

    @extend_schema(responses=FeedRunOut)
    def get(self, request: Request, pk: int) -> Response:
        return Response(FeedRunOut(get_object_or_404(FeedRun, pk=pk)).data)


class Openings(APIView):
    """Deliver openings as a file; follow it as a feed."""

    permission_classes = (holds("feeds.load"),)
    parser_classes = (MultiPartParser,)

    @extend_schema(request={"multipart/form-data": OpeningsIn}, responses={202: FeedRunOut})
    def post(self, request: Request) -> Response:
        require_announced_size(request)
        given = OpeningsIn(data=request.data)
        given.is_valid(raise_exception=True)
        run = take(request, FeedKind.OPENINGS, given.validated_data)
        return Response(FeedRunOut(run).data, status=status.HTTP_202_ACCEPTED)

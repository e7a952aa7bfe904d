"""The addresses at which gateways call us: signed, small, the same answer for what is ours and what is not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from delivery import receipts
from delivery.gateways import BadReport, kind_of, signing
from delivery.models import Gateway
from marketing.lib import crypto, days

log = logging.getLogger(__name__)

MAX_BODY = 2 * 1024 * 1024

Take = Callable[[Gateway, bytes, datetime], None]


@csrf_exempt  # signed by the gateway; there is no session to ride on
@login_not_required
@require_POST
def take_receipts(request: HttpRequest, callback_path: str) -> JsonResponse:
    """Take receipts; 200 also for repeated and foreign ones."""

    def take(gateway: Gateway, body: bytes, at: datetime) -> None:
        taken = receipts.take_receipts(gateway=gateway, reports=kind_of(gateway).parse_receipts(body), at=at)
        if taken.foreign:
            log.warning("gateway %s: %s receipts for messages that are not ours", gateway.code, taken.foreign)

    return _take(request, callback_path, take)


@csrf_exempt
@login_not_required
@require_POST
def take_inbound(request: HttpRequest, callback_path: str) -> JsonResponse:
    """Take replies; whoever said stop is suppressed before the answer leaves."""

    def take(gateway: Gateway, body: bytes, at: datetime) -> None:
        receipts.take_inbound(gateway=gateway, replies=kind_of(gateway).parse_inbound(body), at=at)

    return _take(request, callback_path, take)


def _take(request: HttpRequest, callback_path: str, take: Take) -> JsonResponse:
    at = days.now()
    gateway = get_object_or_404(Gateway, callback_path=callback_path)
    try:
        body = _body(request)
    except RequestDataTooBig:
        return JsonResponse({"error": "too_large"}, status=413)
    secret = (crypto.decrypt(gateway.secret_sealed, field="gateway.secret") or "").encode()
    if not secret or not signing.genuine(secret, headers=request.headers, body=body, now=int(at.timestamp())):
        log.warning("gateway %s: a callback with a bad signature was refused", gateway.code)
        return JsonResponse({"error": "bad_signature"}, status=401)
    try:
        take(gateway, body, at)
    except BadReport as problem:
        log.warning("gateway %s: a callback could not be read (%s)", gateway.code, problem)
        return JsonResponse({"error": "unreadable"}, status=400)
    return JsonResponse({"status": "ok"})


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        raise RequestDataTooBig
    return request.read(MAX_BODY)

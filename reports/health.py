"""Is everything alive: asked by load balancers and the supervisor, so without a sign-in and without detail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, JsonResponse
from kombu import Connection

from jobs.models import Heartbeat
from marketing.lib import days
from warehouse import engine

log = logging.getLogger(__name__)

OK, LATE, ERROR = "ok", "late", "error"
WORKER_LATE = timedelta(seconds=60)
BEAT_LATE = timedelta(seconds=60)
BROKER_TIMEOUT = 2  # seconds


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 where every part is ok, else 503; each part is ok, late or error, and nothing more is said."""
    parts = check(at=days.now())
    healthy = all(state == OK for state in parts.values())
    response = JsonResponse({"status": OK if healthy else ERROR, **parts}, status=200 if healthy else 503)
    response["Cache-Control"] = "no-store"
    return response


def check(*, at: datetime) -> dict[str, str]:
    """Return the state of every part at the instant."""
    return {
        "database": _try("database", database),
        "broker": _try("broker", broker),
        "worker": _try("worker", lambda: heartbeat("worker", WORKER_LATE, at=at)),
        "beat": _try("beat", lambda: heartbeat("beat", BEAT_LATE, at=at)),
        "warehouse": _try("warehouse", warehouse),
    }


def _try(name: str, part: Callable[[], str]) -> str:
    try:
        return part()
    except Exception:  # whatever it is, this part does not work; the log has the reason
        log.exception("health: %s does not answer", name)
        return ERROR


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def broker() -> str:
    with Connection(
        settings.CELERY_BROKER_URL,
        connect_timeout=BROKER_TIMEOUT,
        transport_options={"socket_timeout": BROKER_TIMEOUT, "socket_connect_timeout": BROKER_TIMEOUT},
    ) as found:
        found.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT, errback=None)
    return OK


def heartbeat(name: str, most: timedelta, *, at: datetime) -> str:
    """Return ok where the part was seen within `most`, late where it was longer ago, error where it never was."""
    seen = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    if seen is None:
        return ERROR
    return OK if at - seen <= most else LATE


def warehouse() -> str:
    """Read one row of the newest partition; a warehouse without data yet is well."""
    engine.connection()
    if newest := engine.attributes_partition():
        engine.table([newest]).limit(1).to_pyarrow()
    return OK

"""The breaker: a gateway that keeps refusing or keeps silent is left alone for a while, twice as long each time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

from accounts import audit
from delivery.gateways import NotSent, Refused, Result, Unclear
from delivery.models import Gateway

log = logging.getLogger(__name__)

TRIPS = 3  # calls in a row
FIRST = timedelta(seconds=5)
LONGEST = timedelta(minutes=10)


def count(*, gateway: int, outcome: Sequence[Result] | Refused | Unclear, at: datetime) -> datetime:
    """Note how a call went, and return when the next may be made; health is a row, so every worker sees it."""
    if isinstance(outcome, Refused | Unclear):
        return _failed(gateway, outcome, at)
    # One row for all workers: touched once a second, or when it was ill.
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE delivery_gateway SET failures = 0, closed_until = NULL, last_ok_at = %(at)s
               WHERE id = %(id)s
                 AND (failures > 0 OR last_ok_at IS NULL OR last_ok_at < %(at)s - interval '1 second')""",
            {"id": gateway, "at": at},
        )
    return at


def _failed(gateway: int, outcome: Refused | Unclear, at: datetime) -> datetime:
    told = outcome.retry_after if isinstance(outcome, Refused) else None
    # neither a refused campaign nor a worker held up is an ill gateway
    blame = int(not (isinstance(outcome, NotSent) or (isinstance(outcome, Refused) and outcome.stops)))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_gateway SET failures = failures + %s, last_error = %s WHERE id = %s RETURNING failures",
            [blame, outcome.code, gateway],
        )
        failures = cursor.fetchone()[0]
    wait = timedelta(seconds=told) if told is not None else pause(failures)
    if blame and (failures >= TRIPS or told is not None):
        _close(gateway, failures, at + wait, at)
    return at + wait


def pause(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row.

    >>> [pause(n).seconds for n in (1, 2, 3, 4, 5)]
    [2, 4, 5, 10, 20]
    """
    if failures < TRIPS:
        return timedelta(seconds=2 * failures)
    return min(FIRST * 2 ** min(failures - TRIPS, 20), LONGEST)


def _close(gateway: int, failures: int, until: datetime, at: datetime) -> None:
    row = Gateway.objects.get(pk=gateway)
    log.warning("gateway %s is closed until %s after %s failures: %s", row.code, until, failures, row.last_error)
    Gateway.objects.filter(pk=gateway).update(closed_until=until)
    if failures == TRIPS:
        audit.record(action="gateway.closed", by=None, at=at, on=row, detail={"until": until, "code": row.last_error})

"""The people behind every figure of a result: each count opens the list it counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import DurationField, Exists, Func, OuterRef, QuerySet

from campaigns.models import Arm, Target
from customers.models import Customer, Opening, OpeningStage
from delivery.models import Message, MessageState
from outcomes.models import Conversion

TREATED, REACHED, APPLIED, APPROVED, OPENED = STEPS = ("treated", "reached", "applied", "approved", "opened")
AT_LEAST = {
    APPLIED: [OpeningStage.APPLIED, OpeningStage.APPROVED, OpeningStage.OPENED],
    APPROVED: [OpeningStage.APPROVED, OpeningStage.OPENED],
}


def people_at(runs: QuerySet[Any], *, step: str, arm: str) -> QuerySet[Target]:
    """Return the targets of these runs and this arm who came as far as the step of the funnel.

    `step` is one of STEPS; the first is the whole arm. `arm` empty means treated and control.
    """
    arms = [arm] if arm else [Arm.TREATED, Arm.CONTROL]
    targets = Target.objects.filter(run__in=runs, arm__in=arms)
    if step == REACHED:
        targets = targets.filter(Exists(_same(Message.objects.filter(state=MessageState.DELIVERED))))
    elif step == OPENED:
        targets = targets.filter(Exists(_same(Conversion.objects.all())))
    elif step in AT_LEAST:
        targets = targets.filter(Exists(_stage(AT_LEAST[step])))
    return targets.order_by("run_id", "pk")


def _same(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(run=OuterRef("run"), customer=OuterRef("customer"))


def _stage(stages: list[Any]) -> QuerySet[Opening]:
    goal = Func(
        OuterRef("run__campaign__goal_days"),
        function="make_interval",
        template="%(function)s(days => %(expressions)s)",
        output_field=DurationField(),
    )
    return Opening.objects.filter(
        customer=OuterRef("customer"),
        product=OuterRef("run__campaign__product"),
        stage__in=stages,
        at__gt=OuterRef("run__frozen_at"),
        at__lte=OuterRef("run__frozen_at") + goal,
    )


@dataclass(frozen=True)
class Row:
    """One line of the list; `customer` is None where they have left the register since."""

    target: Target
    customer: Customer | None
    reached_at: datetime | None
    opened_at: datetime | None
    amount: Decimal | None


def rows(targets: Iterable[Target]) -> list[Row]:
    """Return a page of targets with who they are, when a message arrived and what they took up: three queries."""
    page = list(targets)
    pairs = {"run__in": {t.run_id for t in page}, "customer__in": {t.customer_id for t in page}}
    customers = Customer.objects.select_related("branch").in_bulk({t.customer_id for t in page})
    arrived = {
        (run, customer): at
        for run, customer, at in Message.objects.filter(state=MessageState.DELIVERED, **pairs)
        .order_by("-settled_at")
        .values_list("run_id", "customer_id", "settled_at")
    }
    opened = {(c.run_id, c.customer_id): c for c in Conversion.objects.filter(**pairs)}
    return [_row(target, customers, arrived, opened) for target in page]


def _row(
    target: Target, customers: dict[Any, Customer], arrived: dict[Any, datetime | None], opened: dict[Any, Any]
) -> Row:
    key = (target.run_id, target.customer_id)
    conversion = opened.get(key)
    return Row(
        target,
        customers.get(target.customer_id),
        arrived.get(key),
        conversion.at if conversion else None,
        conversion.amount if conversion else None,
    )

"""Builders of what a launched campaign leaves behind, by the thousand where a test needs numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

from django.db import connection

from accounts.models import Branch, Department, User
from campaigns.models import Approval, Campaign, Run, Step, Variant
from customers.models import Opening, Product
from delivery.models import Message
from marketing.lib import crypto
from segments.models import Segment, Snapshot, Version

FROZEN = datetime(2026, 11, 9, 1, 0, tzinfo=UTC)  # 09:00 at the bank
numbers = count(1)


def product(department: Department, *, code: str = "consumer_loan", kind: str = "loan") -> Product:
    return Product.objects.get_or_create(
        code=code, defaults={"name_zh": "消费贷", "name_en": "Consumer loan", "department": department, "kind": kind}
    )[0]


def people(how_many: int, *, branch: Branch | None = None) -> list[int]:
    """Make customers with a name and a phone; return their ids."""
    first = next(numbers) * 20_000
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO customers_customer (number, name_sealed, phone_sealed, branch_id, created_at, updated_at)
            SELECT '6' || lpad((%s + n)::text, 9, '0'), %s, %s, %s, %s, %s FROM generate_series(1, %s) AS n
            RETURNING id
            """,
            [
                first,
                crypto.encrypt("王芳", field="customer.name"),
                crypto.encrypt("+8614212345678", field="customer.phone"),
                branch.pk if branch else None,
                FROZEN,
                FROZEN,
                how_many,
            ],
        )
        return [row[0] for row in cursor.fetchall()]


def campaign(department: Department, owner: User, *, name: str = "装修季消费贷", **fields: object) -> Campaign:
    """Make a campaign with one SMS step; running unless told otherwise."""
    segment = Segment.objects.create(
        name=f"客群 {next(numbers)}", department=department, owner=owner, created_at=FROZEN
    )
    version = Version.objects.create(
        segment=segment, number=1, rule={}, rule_hash="0" * 64, created_by=owner, created_at=FROZEN
    )
    values = {
        "state": "running",
        "product": product(department),
        "created_at": FROZEN - timedelta(hours=3),
        "changed_at": FROZEN,
        "launched_at": FROZEN,
        "audience": version,
    } | fields
    made = Campaign.objects.create(name=name, department=department, owner=owner, **values)
    step = Step.objects.create(campaign=made, number=1, channel="sms")
    Variant.objects.create(step=step, text="{{称呼}}，装修贷可申请。")
    return made


def approval(
    of: Campaign, *, by: User, decision: str = "approved", at: datetime = FROZEN, **fields: object
) -> Approval:
    return Approval.objects.create(
        campaign=of, content={}, content_hash="0" * 64, submitted_by=by, submitted_at=at, decision=decision, **fields
    )


def run(
    of: Campaign,
    *,
    treated: Iterable[int] = (),
    control: Iterable[int] = (),
    excluded: Mapping[str, Iterable[int]] | None = None,
    at: datetime = FROZEN,
) -> Run:
    """Freeze a run with these customers in these arms."""
    treated, control = list(treated), list(control)
    excluded = {reason: list(ids) for reason, ids in (excluded or {}).items()}
    out = sum(map(len, excluded.values()))
    snapshot = Snapshot.objects.create(
        version=of.audience,
        as_of=date(2026, 10, 31),
        size=len(treated) + len(control) + out,
        sha256="0" * 64,
        frozen_at=at,
    )
    made = Run.objects.create(
        campaign=of,
        number=of.runs.count() + 1,
        approval=approval(of, by=of.owner, at=at),
        snapshot=snapshot,
        seed=1,
        audience=snapshot.size,
        treated=len(treated),
        control=len(control),
        excluded={reason: len(ids) for reason, ids in excluded.items()},
        frozen_at=at,
    )
    arms = [("treated", "", treated), ("control", "", control)]
    arms += [("excluded", reason, ids) for reason, ids in excluded.items()]
    with connection.cursor() as cursor:
        for arm, reason, ids in arms:
            cursor.execute(
                "INSERT INTO campaigns_target (run_id, customer_id, arm, reason, facts) "
                "SELECT %s, unnest(%s::bigint[]), %s, %s, '{}'",
                [made.pk, ids, arm, reason],
            )
    return made


def messages(of: Run, customers: Iterable[int], *, state: str = "delivered", reason: str = "", parts: int = 1) -> None:
    step = of.campaign.steps.get(number=1)
    sent = state in ("accepted", "delivered", "failed", "unknown", "submitting")
    Message.objects.bulk_create(
        [
            Message(
                run=of,
                campaign=of.campaign,
                step=step,
                variant=step.variants.get(label="A"),
                customer_id=pk,
                channel="sms",
                state=state,
                reason=reason,
                due_at=of.frozen_at,
                expires_at=of.frozen_at + timedelta(days=3),
                parts=parts,
                provider_id=f"p{pk}" if sent else "",
                submitted_at=of.frozen_at if sent else None,
                settled_at=of.frozen_at + timedelta(minutes=5) if state in ("delivered", "failed") else None,
            )
            for pk in customers
        ],
        batch_size=5000,
    )


def openings(
    customers: Iterable[int],
    *,
    of: Product,
    stage: str = "opened",
    at: datetime = FROZEN + timedelta(days=2),
    amount: Decimal | None = Decimal("50000"),
) -> None:
    Opening.objects.bulk_create(
        [
            Opening(
                reference=f"O{next(numbers)}-{pk}",
                stage=stage,
                customer_id=pk,
                product=of,
                at=at,
                amount=amount,
                recorded_at=at,
            )
            for pk in customers
        ],
        batch_size=5000,
    )


def analyse() -> None:
    """Let the planner know the bulk rows, as autovacuum does within a minute."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

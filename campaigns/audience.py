"""From a segment to the people of a run: who is contacted, who is kept as control, who is left out and why.

One statement decides about everybody. The members and their facts are copied from the warehouse into a temporary table
beside the register; reasons, the control draw and the targets follow from it set by set.

The control group is drawn by the hash of the run's seed and the customer's number among those who could be contacted:
the same seed gives the same people, and anybody can compute it again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from campaigns import content, members
from campaigns.models import Approval, Arm, Campaign, ContactPolicy, Decision, Reason, Run, Step, Variant
from marketing.lib import days
from marketing.lib.errors import UserError
from segments import snapshots
from warehouse.models import Attribute

STUDENTS = ["student", "学生"]


@dataclass(frozen=True)
class Split:
    """How an audience divides: audience = treated + control + the sum of the excluded, by reason in order."""

    audience: int
    treated: int
    control: int
    excluded: dict[str, int] = field(default_factory=dict)
    as_of: date | None = None

    @property
    def adds_up(self) -> bool:
        return self.audience == self.treated + self.control + sum(self.excluded.values())

    @property
    def eligible(self) -> int:
        return self.treated + self.control


@dataclass(frozen=True)
class Member:
    """Somebody who could be contacted, with the facts for the text and what a preview says about them."""

    customer_id: int
    facts: dict[str, str]
    years: int | None
    gender: str


@dataclass(frozen=True)
class Plan:
    """What decides about a member, beside the register: step, text, policy, kind of product, control share."""

    step: Step
    variant: Variant
    policy: ContactPolicy
    credit: bool
    control_percent: Decimal
    named: dict[str, Attribute]

    @property
    def addressed(self) -> bool:
        names = content.placeholders(self.variant.text)
        return any(alias in names for alias in content.BUILT_IN["salutation"])


def plan_of(campaign: Campaign, text: str | None = None) -> Plan:
    """Gather what decides about the members of a campaign's first step; raise UserError where a part is missing.

    `text` stands in for the saved one.
    """
    step = campaign.steps.order_by("number").first()
    variant = step.variants.first() if step else None
    if step is None or variant is None or campaign.product is None:
        raise UserError(_("The campaign has no product or no text yet."))
    if text is not None:
        variant = Variant(pk=variant.pk, step=step, text=text)
    try:
        named = members.attributes_of([variant.text])
    except content.TextError as error:
        raise UserError(str(error)) from error
    policy = policy_of(step.channel)
    return Plan(step, variant, policy, campaign.product.is_credit, campaign.control_percent, named)


def policy_of(channel: str) -> ContactPolicy:
    """Return the bank's contact policy of a channel; without one nothing may be sent."""
    policy = ContactPolicy.objects.filter(channel=channel).first()
    if policy is None:
        raise UserError(_("There is no contact policy for this channel yet. Ask compliance to set it up."))
    return policy


# -- freeze and preview -------------------------------------------------------------------------------------------


@transaction.atomic
def freeze(*, campaign: Campaign, at: datetime, seed: int | None = None) -> Run:
    """Fix who a campaign contacts: snapshot the segment, write one target per member, check that the sums agree.

    Raises UserError when nobody is left to contact. Runs inside the start's transaction.
    """
    if campaign.audience is None:
        raise UserError(_("The campaign has no segment yet."))
    plan = plan_of(campaign)
    snapshot = snapshots.freeze(version=campaign.audience, by=None, at=at)
    run = Run.objects.create(
        campaign=campaign,
        number=(campaign.runs.aggregate(last=Max("number"))["last"] or 0) + 1,
        approval=Approval.objects.filter(campaign=campaign, decision=Decision.APPROVED).latest("decided_at"),
        snapshot=snapshot,
        seed=secrets.randbits(62) if seed is None else seed,
        frozen_at=at,
    )
    with _gathered(members.of_snapshot(snapshot), plan):
        split = _write_targets(run, plan, at)
    refuse_nobody(split)
    if not split.adds_up or split.audience != snapshot.size:
        raise RuntimeError(f"run {run.pk}: {split} does not add up to the snapshot's {snapshot.size} members")
    run.audience, run.treated, run.control, run.excluded = split.audience, split.treated, split.control, split.excluded
    run.save(update_fields=["audience", "treated", "control", "excluded"])
    return run


@transaction.atomic
def preview(*, campaign: Campaign, at: datetime, seed: int = 0) -> Split:
    """Return how the segment would divide if the campaign started now; nothing is kept."""
    plan, people = plan_of(campaign), _people(campaign)
    with _gathered(people, plan), connection.cursor() as cursor:
        cursor.execute(f"{_placed(plan)} {_COUNTED}", _arguments(plan, at, seed))
        return _split(cursor.fetchall(), people.as_of)


@transaction.atomic
def samples(
    *, campaign: Campaign, at: datetime, text: str | None = None, number: int = 3, turn: int = 0
) -> list[Member]:
    """Return a few members who could be contacted: real people, for the preview. `text` is one not yet saved."""
    plan, people = plan_of(campaign, text), _people(campaign)
    with _gathered(people.some(20 * number, turn), plan), connection.cursor() as cursor:
        chosen = """SELECT customer_id, facts, years, gender FROM placed WHERE reason = ''
                    ORDER BY customer_id LIMIT %(number)s"""
        cursor.execute(f"{_placed(plan)} {chosen}", _arguments(plan, at, 0) | {"number": number})
        return [Member(pk, json.loads(facts), years, gender or "") for pk, facts, years, gender in cursor.fetchall()]


def _people(campaign: Campaign) -> members.Members:
    if campaign.audience is None:
        raise UserError(_("The campaign has no segment yet."))
    return members.of_version(campaign.audience)


def refuse_nobody(split: Split) -> None:
    """Raise UserError where nobody would be contacted, saying why."""
    if split.audience == 0:
        raise UserError(
            _("The segment has no members today, so there is nobody to contact. Change its rule, or load newer data.")
        )
    if split.treated == 0:
        raise UserError(
            _("None of the %(audience)s members may be contacted. The reasons are listed under Audience.")
            % {"audience": split.audience}
        )


def sums(run: Run) -> dict[str, Any]:
    """Return a run's sums for the audit trail."""
    parts = {"treated": run.treated, "control": run.control, "excluded": run.excluded}
    return {"run": run.number, "audience": run.audience, **parts}


# -- one statement about everybody --------------------------------------------------------------------------------

_COUNTED = "SELECT arm, reason, count(*) FROM placed GROUP BY arm, reason"


def _write_targets(run: Run, plan: Plan, at: datetime) -> Split:
    """Insert a target per member and return the sums of what was inserted."""
    arguments = _arguments(plan, at, run.seed) | {"run": run.pk, "variant": plan.variant.pk}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""{_placed(plan)}, written AS (
                INSERT INTO campaigns_target (run_id, customer_id, arm, reason, variant_id, facts)
                SELECT %(run)s, customer_id, arm, reason,
                       CASE arm WHEN 'treated' THEN %(variant)s::bigint END,
                       CASE arm WHEN 'treated' THEN facts ELSE '{{}}' END
                FROM placed
                RETURNING arm, reason
            ) SELECT arm, reason, count(*) FROM written GROUP BY arm, reason""",  # noqa: S608 - no outside text
            arguments,
        )
        return _split(cursor.fetchall(), run.snapshot.as_of)


def _placed(plan: Plan) -> str:
    """Return the statement's common part: each member's reason, then the arm.

    The reasons stand in the order in which they count; it is the order of `Reason`.
    """
    values = [f"value_{i}" for i in range(len(plan.named))]
    complete = " AND ".join(f"{value} IS NOT NULL" for value in values) or "true"
    facts = "".join(f"%({value})s::text, {value}, " for value in values)
    return f"""
        WITH known AS (
            SELECT customer_id, occupation, gender, {complete} AS complete,
                   jsonb_strip_nulls(jsonb_build_object({facts} 'gender', CASE WHEN %(addressed)s THEN gender END))
                   AS facts,
                   coalesce(extract(year FROM age(%(today)s::date, birth_date))::int, age) AS years
            FROM pg_temp.member
        ), judged AS (
            SELECT known.customer_id, facts, years, gender,
                   CASE WHEN customer.id IS NULL THEN 'no_customer'
                        WHEN suppression.id IS NOT NULL THEN 'suppressed'
                        WHEN consent.id IS NULL THEN 'no_consent'
                        WHEN customer.phone_sealed IS NULL THEN 'no_phone'
                        WHEN years < %(minimum_age)s OR (%(credit)s AND years IS NULL) THEN 'under_age'
                        WHEN %(credit)s AND occupation = ANY(%(students)s) THEN 'student'
                        WHEN NOT complete THEN 'missing_value'
                        ELSE '' END AS reason
            FROM known
            LEFT JOIN customers_customer customer ON customer.id = known.customer_id
            LEFT JOIN customers_suppression suppression
                   ON suppression.customer_id = known.customer_id AND suppression.channel = %(channel)s
            LEFT JOIN customers_consent consent
                   ON consent.customer_id = known.customer_id AND consent.channel = %(channel)s
                  AND consent.replaced_at IS NULL AND consent.granted AND consent.given_at <= %(at)s
                  AND (consent.expires_at IS NULL OR consent.expires_at > %(at)s)
        ), drawn AS (
            SELECT *, count(*) OVER same AS eligible, row_number() OVER (same ORDER BY
                   ('x' || substr(md5(%(seed)s::text || ':' || customer_id), 1, 16))::bit(64)::bigint, customer_id)
                   AS place
            FROM judged WINDOW same AS (PARTITION BY reason)
        ), placed AS (
            SELECT customer_id, reason, facts, years, gender,
                   CASE WHEN reason <> '' THEN 'excluded'
                        WHEN place <= round(eligible * %(control_percent)s / 100.0) THEN 'control'
                        ELSE 'treated' END AS arm
            FROM drawn
        )"""  # noqa: S608 - no outside text


def _arguments(plan: Plan, at: datetime, seed: int) -> dict[str, Any]:
    return {
        "addressed": plan.addressed,
        "today": days.day_of(at),
        "minimum_age": plan.policy.minimum_age,
        "credit": plan.credit,
        "students": STUDENTS,
        "channel": plan.step.channel,
        "at": at,
        "seed": seed,
        "control_percent": plan.control_percent,
        **{f"value_{i}": name for i, name in enumerate(plan.named)},
    }


def _split(rows: Iterable[tuple[str, str, int]], as_of: date) -> Split:
    counts = {(arm, reason): number for arm, reason, number in rows}
    excluded = {str(reason): counts.get((Arm.EXCLUDED, reason), 0) for reason in Reason}
    return Split(
        audience=sum(counts.values()),
        treated=counts.get((Arm.TREATED, ""), 0),
        control=counts.get((Arm.CONTROL, ""), 0),
        excluded={reason: number for reason, number in excluded.items() if number},
        as_of=as_of,
    )


# -- the temporary table ------------------------------------------------------------------------------------------


@contextmanager
def _gathered(people: members.Members, plan: Plan) -> Iterator[None]:
    """Keep the members and their facts in the temporary table `member` while the block runs."""
    values = "".join(f", value_{i} text" for i in range(len(plan.named)))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.member")
        cursor.execute(
            "CREATE TEMPORARY TABLE member"
            f" (customer_id bigint, age int, birth_date date, occupation text, gender text{values}) ON COMMIT DROP"
        )
        with cursor.copy("COPY pg_temp.member FROM STDIN (FORMAT csv)") as copy:
            for chunk in members.batches(people, plan.named):
                copy.write(_csv(chunk))
        cursor.execute("ANALYZE pg_temp.member")
    yield


def _csv(chunk: pa.Table) -> bytes:
    """Write a chunk as CSV, where nothing between two commas is null."""
    plain = pa.table({name: chunk[name].cast(_plain(chunk[name].type)) for name in chunk.column_names})
    buffer = pa.BufferOutputStream()
    pyarrow.csv.write_csv(plain, buffer, pyarrow.csv.WriteOptions(include_header=False))
    return buffer.getvalue().to_pybytes()


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind

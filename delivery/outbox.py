"""The send: claim in one short transaction, commit, call the gateway outside any transaction, record.

A message leaves at most once. The claim makes it `submitting` before anything leaves; a crash in between leaves it so,
and after the batch's lease it is `unknown` and asked about. Only a definite refusal makes it `planned` again. The
batch's `claimed_at` is the claim's token: a worker that wakes up after its lease can neither send nor undo.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.permissions import require
from campaigns import content, schedule
from campaigns.approval import approved_hash_matches
from campaigns.models import Campaign, ContactPolicy, Variant
from customers.models import Suppression
from delivery import arrays, breaker, policy
from delivery.gateways import Outgoing, Refused, Result, Unclear
from delivery.models import Gateway
from delivery.parcels import Claimed, Parcel
from delivery.wire import Outcome, Wire
from delivery.wording import Wording
from marketing.lib import crypto
from marketing.lib.errors import MoveRefused, UserError

log = logging.getLogger(__name__)

MARGIN = timedelta(seconds=30)  # a lease outlives the call it covers by this much
TESTS_PER_HOUR = 10
AHEAD = timedelta(seconds=1)  # slots are given away no further ahead than this


# -- claim --------------------------------------------------------------------------------------------------------

_TAKE = """
SELECT batch.id, run.campaign_id, batch.size
FROM delivery_batch batch
JOIN campaigns_run run ON run.id = batch.run_id
JOIN campaigns_campaign campaign ON campaign.id = run.campaign_id
JOIN delivery_gateway gateway ON gateway.id = batch.gateway_id
WHERE batch.gateway_id = %(gateway)s AND batch.finished_at IS NULL AND batch.lease_until IS NULL
  AND batch.due_at <= %(at)s AND campaign.state = 'running' AND gateway.is_active
  AND (gateway.closed_until IS NULL OR gateway.closed_until <= %(at)s)
  AND (gateway.paced_until IS NULL OR gateway.paced_until <= %(at)s + %(ahead)s)
  AND (gateway.failures < %(trips)s OR NOT EXISTS (
        SELECT FROM delivery_batch flying WHERE flying.gateway_id = gateway.id AND flying.lease_until IS NOT NULL))
ORDER BY batch.due_at, batch.id
LIMIT %(most)s FOR UPDATE OF batch SKIP LOCKED
"""


@transaction.atomic
def claim(*, gateway: Gateway, at: datetime, most: int = 4) -> list[Claimed]:
    """Make up to `most` due batches ours: policy read again, messages `submitting`, a lease; commit, then submit.

    A campaign whose content is not what was approved is paused, and nothing of it is claimed. Batches of which nothing
    may go now are settled on the way and not returned.
    """
    taken = _take(gateway, at, most)
    refused = {campaign for campaign in {row[1] for row in taken} if not _still_approved(campaign, at)}
    batches = [row for row in taken if row[1] not in refused]
    if not batches:
        return []
    going = policy.gate(batches=[row[0] for row in batches], channel=gateway.channel, at=at)
    starts = _pace(gateway, [len(going.get(row[0], ())) for row in batches], at)
    claims = [
        Claimed(
            batch,
            campaign,
            gateway.pk,
            at,
            start,
            start + timedelta(seconds=gateway.timeout_seconds) + MARGIN,
            tuple(going[batch]),
        )
        for (batch, campaign, _size), start in zip(batches, starts, strict=True)
        if batch in going
    ]
    _lease(claims)
    _close([row[0] for row in batches if row[0] not in going], at)
    return claims


def _take(gateway: Gateway, at: datetime, most: int) -> list[tuple[int, int, int]]:
    """Lock due batches, together no more than a second's worth but at least one."""
    probing = Gateway.objects.filter(pk=gateway.pk, failures__gte=breaker.TRIPS).exists()
    arguments: dict[str, Any] = {"gateway": gateway.pk, "at": at, "ahead": AHEAD, "trips": breaker.TRIPS}
    arguments["most"] = 1 if probing else most
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, arguments)
        rows: list[tuple[int, int, int]] = []
        total = 0
        for row in cursor.fetchall():
            if rows and total + row[2] > gateway.per_second:
                break
            rows.append(row)
            total += row[2]
    return rows


def _still_approved(campaign_id: int, at: datetime) -> bool:
    campaign = Campaign.objects.get(pk=campaign_id)
    if approved_hash_matches(campaign):
        return True
    _pause(campaign, at, "content_differs_from_approval")
    return False


def _pause(campaign: Campaign, at: datetime, why: str) -> None:
    """Pause for a reason of ours; somebody may have stopped the campaign a moment ago."""
    log.error("campaign %s is paused: %s", campaign.pk, why)
    try:
        schedule.pause(campaign=campaign, by=None, at=at, why=why)
    except MoveRefused:
        log.info("campaign %s had been stopped already", campaign.pk)


def _pace(gateway: Gateway, sizes: list[int], at: datetime) -> list[datetime]:
    """Reserve the gateway's next slots, shared by all workers, and return when each batch may leave."""
    needed = timedelta(seconds=sum(sizes) / gateway.per_second)
    arguments: dict[str, Any] = {"at": at, "needed": needed, "gateway": gateway.pk}
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE delivery_gateway SET paced_until = greatest(coalesce(paced_until, %(at)s), %(at)s) + %(needed)s
               WHERE id = %(gateway)s RETURNING paced_until""",
            arguments,
        )
        start = cursor.fetchone()[0] - needed
    starts = []
    for size in sizes:
        starts.append(start)
        start += timedelta(seconds=size / gateway.per_second)
    return starts


def _lease(claims: Sequence[Claimed]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE delivery_batch b SET claimed_at = c.token, lease_until = c.lease
               FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS c (id, token, lease)
               WHERE b.id = c.id""",
            [[c.batch for c in claims], [c.token for c in claims], [c.lease_until for c in claims]],
        )


def _close(batches: Sequence[int], at: datetime, *, token: datetime | None = None) -> None:
    """End our hold on batches: finished where nothing of them can go any more, else due when their first message is.

    With a token, only while the claim is still the one that carries it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE delivery_batch b
               SET lease_until = NULL, due_at = coalesce(left_over.due, b.due_at),
                   finished_at = CASE WHEN left_over.due IS NULL THEN %(at)s::timestamptz END
               FROM (SELECT id.id, min(m.due_at) AS due FROM unnest(%(batches)s::bigint[]) AS id
                     LEFT JOIN delivery_message m ON m.batch_id = id.id AND m.state IN ('planned', 'held')
                     GROUP BY id.id) left_over
               WHERE b.id = left_over.id AND (%(token)s::timestamptz IS NULL OR b.claimed_at = %(token)s)""",
            {"batches": list(batches), "at": at, "token": token},
        )


# -- record -------------------------------------------------------------------------------------------------------

# A receipt or a reconciliation may have been faster: they know more, so only what is still open moves. That the gateway
# took a message is a fact whoever says it; anything else counts only from the worker that holds the claim.
_RECORD = """
UPDATE delivery_message m
SET state = CASE WHEN m.state IN ('delivered', 'failed') THEN m.state ELSE said.state END,
    reason = CASE WHEN m.state IN ('delivered', 'failed') THEN m.reason ELSE said.code END,
    due_at = CASE WHEN said.state = 'planned' THEN %(again)s ELSE m.due_at END,
    submitted_at = CASE WHEN said.state IN ('planned', 'excluded') THEN NULL
                        ELSE coalesce(m.submitted_at, %(token)s) END,
    settled_at = CASE WHEN said.state IN ('failed', 'excluded') THEN %(at)s
                      WHEN m.state IN ('delivered', 'failed') THEN m.settled_at END,
    provider_id = CASE WHEN said.provider_id <> '' THEN said.provider_id ELSE m.provider_id END,
    parts = coalesce(said.parts, m.parts)
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(codes)s::text[], %(providers)s::text[], %(parts)s::int[])
     AS said (id, state, code, provider_id, parts)
JOIN delivery_batch batch ON batch.id = %(batch)s
WHERE m.id = said.id AND (m.state = 'submitting' AND batch.claimed_at = %(token)s OR said.state = 'accepted')
"""


def record(*, parcel: Parcel, outcome: Outcome, at: datetime) -> Counter[str]:
    """Write down what the gateway said about a parcel, let go of the batch, and count the messages by what they became.

    `outcome` is a result per message, or what became of the call as a whole.
    """
    results = _per_message(parcel, outcome) + parcel.unfit
    with transaction.atomic():
        again = breaker.count(gateway=parcel.claimed.gateway, outcome=outcome, at=at)
        _write(parcel, results, again=again, at=at)
        _close([parcel.claimed.batch], at, token=parcel.claimed.token)
        _stop_if_told(parcel.claimed, outcome, results, at)
    return Counter(result.state for result in results)


def _per_message(parcel: Parcel, outcome: Outcome) -> list[Result]:
    if isinstance(outcome, Refused):
        return [Result(m.id, "planned", outcome.code) for m in parcel.outgoing]
    if isinstance(outcome, Unclear):
        return [Result(m.id, "unknown", outcome.code) for m in parcel.outgoing]
    return [Result(r.id, "planned", r.code) if r.state == "refused" else r for r in outcome]


def _write(parcel: Parcel, results: Sequence[Result], *, again: datetime, at: datetime) -> None:
    counted = [r.parts or parcel.parts.get(r.id) if r.state in ("accepted", "unknown") else None for r in results]
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "ids": arrays.ints(int(r.id) for r in results),
                "states": arrays.texts(r.state for r in results),
                "codes": arrays.texts(r.code[:30] for r in results),
                "providers": arrays.texts(r.provider_id for r in results),
                "parts": arrays.ints(counted),
                "batch": parcel.claimed.batch,
                "token": parcel.claimed.token,
                "again": again,
                "at": at,
            },
        )


def _stop_if_told(claimed: Claimed, outcome: Outcome, results: Sequence[Result], at: datetime) -> None:
    """Pause the campaign on a code that would meet every further message too."""
    code = next((r.code for r in results if r.state in ("failed", "planned") and Refused(r.code).stops), "")
    if code:
        _pause(Campaign.objects.get(pk=claimed.campaign), at, f"gateway:{code}")


# -- what a dead worker left --------------------------------------------------------------------------------------


@transaction.atomic
def sweep_leases(*, at: datetime) -> int:
    """Turn what a dead worker left `submitting` into `unknown` once its lease is over; return how many messages."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM delivery_batch WHERE finished_at IS NULL AND lease_until < %s ORDER BY id"
            " FOR UPDATE SKIP LOCKED",
            [at],
        )
        batches = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            """UPDATE delivery_message SET state = 'unknown', reason = 'worker_lost'
               WHERE batch_id = ANY(%s) AND state = 'submitting'""",
            [batches],
        )
        lost = cursor.rowcount
    _close(batches, at)
    if lost:
        audit.record(action="delivery.lost_worker", by=None, at=at, detail={"batches": len(batches), "messages": lost})
    return lost


# -- a test to oneself --------------------------------------------------------------------------------------------


def test_send(*, campaign: Campaign, to_phone: str, by: User, at: datetime) -> Result:
    """Send a campaign's text once, marked as a test, to a number that somebody of the bank typed.

    It is no contact of a customer, so the ledger has no row of it; the audit trail has, without the number. A number
    whose owner opted out gets no test either. Raises UserError with what to do where it cannot be sent or is unclear.
    """
    require(by, "campaigns.edit")
    current = Campaign.objects.visible_to(by).select_related("product").get(pk=campaign.pk)
    variant = Variant.objects.filter(step__campaign=current).order_by("step__number", "label").first()
    if variant is None or not variant.text:
        raise UserError(_("The campaign has no text yet. Write one and send the test again."))
    channel = variant.step.channel
    number = _test_number(to_phone, channel)
    _refuse_many(by, at)
    gateway = Gateway.objects.filter(channel=channel, is_active=True).order_by("pk").first()
    if gateway is None:
        raise UserError(_("No gateway is set up for this channel. Ask an administrator; nothing was sent."))
    text = _test_text(current, variant, channel)
    audit.record(action="delivery.test_send", by=by, at=at, on=current, detail={"gateway": gateway.code})
    message = Outgoing(f"test-{secrets.token_hex(8)}", number, text)
    try:
        with Wire(gateway, clock=lambda: at) as wire:
            outcome = wire.send_one(message, key=message.id)
    except Refused as refusal:
        outcome = refusal
    return _tell(outcome)


test_send.__test__ = False  # type: ignore[attr-defined]  # its name looks like a test's


def _test_number(typed: str, channel: str) -> str:
    try:
        number = crypto.normalise_phone(typed)
    except crypto.PhoneError as error:
        sentence = _("This is not a mobile number. Type 11 digits, such as 13800000000.")
        raise UserError(sentence, fields={"to_phone": sentence}) from error
    if Suppression.objects.filter(channel=channel, customer__phone_index=crypto.blind_index(number)).exists():
        raise UserError(_("The owner of this number opted out, so it gets no test either. Use another number."))
    return number


def _refuse_many(by: User, at: datetime) -> None:
    recent = AuditEntry.objects.filter(action="delivery.test_send", actor=by, at__gt=at - timedelta(hours=1))
    if recent.count() >= TESTS_PER_HOUR:
        raise UserError(
            _("You have sent %(most)s tests within the hour. Wait a while; nothing was sent.")
            % {"most": TESTS_PER_HOUR}
        )


def _test_text(campaign: Campaign, variant: Variant, channel: str) -> str:
    """Word the text with the names of its values: a customer's facts do not go to a colleague's phone."""
    policy_ = ContactPolicy.objects.filter(channel=channel).first()
    if policy_ is None:
        raise UserError(_("There is no contact policy for this channel yet. Ask compliance to set it up."))
    try:
        wording = Wording(variant=variant, campaign=campaign, policy=policy_)
        return wording.text({name: name for name in wording.names}, mark="（测试）")
    except content.TextError as error:
        raise UserError(str(error)) from error
    except content.MissingValue as missing:
        raise UserError(str(missing)) from missing


def _tell(outcome: Outcome) -> Result:
    if isinstance(outcome, Refused):
        raise UserError(_("The gateway did not take the message (%(code)s). Try again later.") % {"code": outcome.code})
    if isinstance(outcome, Unclear) or outcome[0].state == "unknown":
        raise UserError(_("The gateway gave no clear answer. The test may still arrive; wait before sending another."))
    if outcome[0].state != "accepted":
        raise UserError(_("The gateway refused the number (%(code)s).") % {"code": outcome[0].code})
    return outcome[0]

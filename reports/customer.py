"""One customer: who, what is known, what they agreed to, what happened, and why they were contacted or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from campaigns.models import Arm, Campaign, Reason, Run, Target
from customers.models import Channel, Consent, Customer, Opening, Suppression
from delivery.models import Message
from marketing.lib.labels import in_language
from outcomes.models import Conversion
from segments.catalogue import UNITS
from warehouse import engine
from warehouse.models import Attribute, AttributeType

NOT_SHOWN = frozenset({"customer_id", "branch_id"})
MOST_EVENTS = 200
SOURCES = {
    "branch_form": gettext_lazy("form signed at the branch"),
    "app_setting": gettext_lazy("setting in the app"),
    "call_center": gettext_lazy("recorded call"),
    "web_form": gettext_lazy("form on the website"),
}
SUPPRESSED_BY = {
    "reply": gettext_lazy("answered a message with stop"),
    "complaint": gettext_lazy("complained"),
    "staff": gettext_lazy("noted by staff"),
    "gateway": gettext_lazy("reported by the gateway"),
}
BEGUN = ("running", "paused", "finished", "cancelled")


@dataclass(frozen=True)
class Fact:
    """One attribute's value for one customer; `kind` decides how it is written."""

    label: str
    value: Any
    kind: str
    unit: str

    @property
    def places(self) -> int:
        """As many decimals as the number needs: a count none, a rate up to four."""
        if not isinstance(self.value, float | Decimal) or self.value == int(self.value):
            return 0
        return min(len(f"{self.value:.4f}".rstrip("0").partition(".")[2]), 4)


@dataclass(frozen=True)
class Facts:
    """What the warehouse knows of a customer, by group, and the day it was true."""

    groups: list[tuple[str, list[Fact]]]
    as_of: date | None


def facts(customer: Customer) -> Facts:
    """Return the customer's attributes in the catalogue's order; no groups where nothing was published."""
    partition = engine.attributes_partition()
    if partition is None:
        return Facts([], None)
    row = _row(engine.table([partition]), customer.pk)
    known = [a for a in Attribute.objects.in_use() if a.key in row and a.key not in NOT_SHOWN]
    filled = [(a, row[a.key]) for a in known if row[a.key] is not None]
    groups = [
        (name, [_fact(attribute, value) for attribute, value in members])
        for name, members in groupby(filled, key=lambda pair: pair[0].group)
    ]
    return Facts(groups, engine.as_of_date(partition))


def _row(table: Any, customer_id: int) -> dict[str, Any]:
    rows = table.filter(table["customer_id"] == customer_id).limit(1).to_pyarrow().to_pylist()
    return rows[0] if rows else {}


def _fact(attribute: Attribute, value: Any) -> Fact:
    if attribute.type == AttributeType.CHOICE:
        words = {c["value"]: in_language(c.get("label_zh", ""), c.get("label_en", "")) for c in attribute.choices}
        value = words.get(value) or value
    unit = UNITS.get(attribute.unit)
    said = in_language(unit.zh, unit.en) if unit else attribute.unit
    return Fact(attribute.label, value, attribute.type, said)


@dataclass(frozen=True)
class ChannelConsent:
    """What the customer said about one channel: the answer in force, those before, and a suppression over them."""

    channel: str
    label: str
    current: Consent | None
    earlier: list[Consent]
    suppression: Suppression | None
    allowed: bool

    @property
    def source_word(self) -> str:
        source = self.current.source if self.current else ""
        return str(SOURCES.get(source, source))

    @property
    def suppression_word(self) -> str:
        reason = self.suppression.reason if self.suppression else ""
        return str(SUPPRESSED_BY.get(reason, reason))


def consents(customer: Customer, *, at: datetime) -> list[ChannelConsent]:
    """Return every channel with the evidence of its consent."""
    answers = list(Consent.objects.filter(customer=customer).order_by("-given_at", "-pk"))
    never = {s.channel: s for s in Suppression.objects.filter(customer=customer)}
    return [_channel(channel, str(label), answers, never.get(channel), at) for channel, label in Channel.choices]


def _channel(
    channel: str, label: str, answers: list[Consent], never: Suppression | None, at: datetime
) -> ChannelConsent:
    own = [answer for answer in answers if answer.channel == channel]
    current = next((answer for answer in own if answer.replaced_at is None), None)
    expired = current is not None and current.expires_at is not None and current.expires_at <= at
    allowed = current is not None and current.granted and not expired and never is None
    return ChannelConsent(channel, label, current, [a for a in own if a is not current], never, allowed)


@dataclass(frozen=True)
class Event:
    """One entry of the time line. `on` is the message, opening, conversion or consent it is about."""

    at: datetime
    kind: str
    on: Any
    foreign: bool = False  # another department's campaign: what happened is shown, its name is not

    @property
    def is_message(self) -> bool:
        return self.kind.startswith("message_")

    @property
    def detail(self) -> str:
        """How a consent was got, why a suppression was set."""
        if self.kind in ("granted", "refused"):
            return str(SOURCES.get(self.on.source, self.on.source))
        return str(SUPPRESSED_BY.get(self.on.reason, self.on.reason)) if self.kind == "suppressed" else ""


def timeline(customer: Customer, user: User) -> list[Event]:
    """Return contacts, product stages, conversions and consents on one line, the latest first."""
    mine = set(Campaign.objects.visible_to(user).values_list("pk", flat=True))
    converted = set(_conversions(customer, user).values_list("opening_id", flat=True))
    events = [
        *_contacts(customer, mine),
        *(Event(o.at, "converted" if o.pk in converted else o.stage, o) for o in _openings(customer)),
        *(Event(c.given_at, "granted" if c.granted else "refused", c) for c in _answers(customer)),
        *(Event(s.at, "suppressed", s) for s in Suppression.objects.filter(customer=customer)),
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)[:MOST_EVENTS]


def _contacts(customer: Customer, mine: set[int]) -> Iterable[Event]:
    sent = Message.objects.filter(customer=customer).select_related("campaign__department", "step")
    for message in sent.order_by("-due_at")[:MOST_EVENTS]:
        at = message.settled_at or message.submitted_at or message.due_at
        yield Event(at, f"message_{message.state}", message, foreign=message.campaign_id not in mine)


def _openings(customer: Customer) -> QuerySet[Opening]:
    return Opening.objects.filter(customer=customer).select_related("product").order_by("-at")[:MOST_EVENTS]


def _answers(customer: Customer) -> QuerySet[Consent]:
    return Consent.objects.filter(customer=customer).order_by("-given_at")[:MOST_EVENTS]


def _conversions(customer: Customer, user: User) -> QuerySet[Conversion]:
    return Conversion.objects.visible_to(user).filter(customer=customer, arm=Arm.TREATED)


# ── why, why not ─────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Why:
    """Where a campaign left a customer, as a sentence."""

    campaign: Campaign
    run: Run | None
    arm: str  # treated, control, excluded, or empty: not in the segment, not started
    sentence: str
    message: Message | None = None


def why_all(customer: Customer, user: User) -> list[Why]:
    """Return the answer for every campaign the person sees and the customer was a target of, the latest first."""
    targets = (
        Target.objects.filter(customer=customer, run__campaign__in=Campaign.objects.visible_to(user))
        .select_related("run__campaign", "run__snapshot")
        .order_by("-run__frozen_at")
    )
    sent = _messages(customer, [target.run_id for target in targets])
    return [_why(target, sent.get(target.run_id)) for target in targets]


def why(customer: Customer, campaign: Campaign) -> list[Why]:
    """Return the answer for one campaign, run by run; there always is one."""
    runs = list(campaign.runs.select_related("snapshot"))
    if not runs:
        return [Why(campaign, None, "", _("This campaign has not started, so nobody has been chosen yet."))]
    targets = Target.objects.filter(customer=customer, run__in=runs).select_related("run__campaign", "run__snapshot")
    by_run = {target.run_id: target for target in targets}
    sent = _messages(customer, list(by_run))
    return [
        _why(by_run[run.pk], sent.get(run.pk)) if run.pk in by_run else Why(campaign, run, "", _outside(run))
        for run in runs
    ]


def _messages(customer: Customer, runs: list[int]) -> dict[int, Message]:
    sent = Message.objects.filter(customer=customer, run__in=runs).order_by("-step__number")
    return {message.run_id: message for message in sent}


def _why(target: Target, message: Message | None) -> Why:
    run = target.run
    if target.arm == Arm.EXCLUDED:
        sentence = _excluded(target.reason)
    elif target.arm == Arm.CONTROL:
        sentence = _("In the segment, and drawn by lot into the control group: not contacted on any channel.")
    else:
        sentence = _treated(message)
    return Why(run.campaign, run, target.arm, sentence, message)


def _outside(run: Run) -> str:
    return _("Not in the segment when it was frozen, on the data of %(day)s.") % {"day": run.snapshot.as_of}


def _excluded(reason: str) -> str:
    sentences = {
        Reason.NO_CUSTOMER: _("In the segment, but no longer in the register when the campaign started."),
        Reason.SUPPRESSED: _("In the segment, but kept out: the customer opted out or is suppressed on this channel."),
        Reason.NO_CONSENT: _("In the segment, but kept out: there was no consent to marketing on this channel."),
        Reason.NO_PHONE: _("In the segment, but kept out: there is no valid phone number."),
        Reason.UNDER_AGE: _("In the segment, but kept out: under age, or the age is not known."),
        Reason.STUDENT: _("In the segment, but kept out: credit is not offered to students."),
        Reason.MISSING_VALUE: _("In the segment, but kept out: a value the text needs is missing."),
    }
    return next((said for known, said in sentences.items() if known == reason), _("In the segment, but kept out."))


def _treated(message: Message | None) -> str:
    if message is None:
        return _("In the segment and chosen to be contacted; no message has been planned yet.")
    sentences = {
        "delivered": _("In the segment, allowed to be contacted, and the message arrived."),
        "accepted": _("In the segment and contacted; the gateway has not said yet whether the message arrived."),
        "failed": _("In the segment and contacted, but the message did not arrive."),
        "planned": _("In the segment and chosen to be contacted; the message is waiting for its time."),
        "held": _("In the segment and chosen to be contacted; the message is held for now."),
        "submitting": _("In the segment and chosen to be contacted; the message is being handed to the gateway."),
        "unknown": _("In the segment and contacted; what became of the message is being asked of the gateway."),
        "excluded": _("Chosen to be contacted, but stopped just before sending: the rules no longer allowed it."),
        "expired": _("Chosen to be contacted, but the message became too old before it could be sent."),
        "cancelled": _("Chosen to be contacted, but the campaign was cancelled before the message was sent."),
    }
    return sentences.get(message.state, message.get_state_display())


def askable(user: User) -> QuerySet[Campaign]:
    """Return the campaigns one may ask "why not?" about."""
    return Campaign.objects.visible_to(user).filter(state__in=BEGUN).order_by("-launched_at")


def contacted_within(customer: Customer, *, at: datetime, days: int = 30) -> int:
    """Return how many messages arrived at the customer lately, whoever sent them."""
    return Message.objects.filter(
        customer=customer, state="delivered", settled_at__gt=at - timedelta(days=days), settled_at__lte=at
    ).count()

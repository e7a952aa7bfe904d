"""What needs this person today: decisions, what is running, what ended, what went wrong, their own jobs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum

from accounts.models import AuditEntry, User
from accounts.permissions import has
from campaigns.models import Approval, Campaign, CampaignState, Decision, Step
from customers.models import Opening
from delivery.models import Gateway, Inbound, Message, MessageState
from jobs.models import Job
from marketing.lib.days import bounds, day_of
from outcomes.models import Conversion
from outcomes.results import Result
from reports import queries
from warehouse.models import Dataset, FeedRun, FeedRunState, Partition

MOST_ROWS = 6
LONG_WAIT = timedelta(hours=4)
FINISHED_WITHIN = timedelta(days=60)
FEEDS_WITHIN = timedelta(days=3)
FILES_APART = 2  # with more files than this their alerts would push everything else out of sight
ATTRIBUTES_LATE = timedelta(days=35)  # they come with the month end, and the month end takes a few days
OPENINGS_LATE = timedelta(days=2)
ON_THEIR_WAY = (MessageState.PLANNED, MessageState.HELD, MessageState.SUBMITTING, MessageState.UNKNOWN)


@dataclass(frozen=True)
class Waiting:
    """A submission that waits for a signature."""

    approval: Approval
    since: timedelta

    @property
    def people(self) -> int | None:
        return self.approval.expected.get("treated")

    @property
    def cost(self) -> str | None:
        return self.approval.expected.get("cost")

    @property
    def is_long(self) -> bool:
        return self.since >= LONG_WAIT


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Return what the person may decide: pending submissions of others that they can see, the oldest first."""
    if not has(user, "campaigns.approve"):
        return []
    pending = _pending(user).exclude(submitted_by=user).exclude(campaign__owner=user)
    return [Waiting(approval, at - approval.submitted_at) for approval in pending]


def submitted(user: User, *, at: datetime) -> list[Waiting]:
    """Return what the person submitted and somebody else still has to sign."""
    return [Waiting(approval, at - approval.submitted_at) for approval in _pending(user).filter(submitted_by=user)]


def _pending(user: User) -> QuerySet[Approval]:
    pending = Approval.objects.filter(decision=Decision.PENDING, campaign__in=Campaign.objects.visible_to(user))
    return pending.select_related("campaign", "submitted_by").order_by("submitted_at")


@dataclass(frozen=True)
class Running:
    """A live campaign: how far the send is, and what it brings so far."""

    campaign: Campaign
    step: Step | None
    total: int
    done: int
    held: int
    result: Result | None

    @property
    def is_sent(self) -> bool:
        return self.total > 0 and self.done == self.total


def running(user: User) -> list[Running]:
    """Return the live campaigns, the latest launched first."""
    campaigns = list(Campaign.objects.visible_to(user).live().order_by("-launched_at"))
    sums = _message_sums(campaigns)
    found = queries.results_of(campaigns)
    steps: dict[int, Step] = {}
    for step in Step.objects.filter(campaign__in=campaigns).order_by("-number"):
        steps[step.campaign_id] = step
    return [
        Running(campaign, steps.get(campaign.pk), *sums.get(campaign.pk, (0, 0, 0)), found.get(campaign.pk))
        for campaign in campaigns
    ]


def _message_sums(campaigns: list[Campaign]) -> dict[int, tuple[int, int, int]]:
    """Return, per campaign, how many messages there are, how many need no more work, how many are held."""
    states = (
        Message.objects.filter(run__campaign__in=campaigns)
        .values_list("run__campaign_id", "state")
        .annotate(messages=Count("pk"))
        .order_by()
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for campaign, state, messages in states:
        found[campaign][state] = found[campaign].get(state, 0) + messages
    return {
        campaign: (
            sum(by_state.values()),
            sum(count for state, count in by_state.items() if state not in ON_THEIR_WAY),
            by_state.get(MessageState.HELD, 0),
        )
        for campaign, by_state in found.items()
    }


def reached_today(user: User, *, at: datetime) -> int:
    """Return how many people got a message of a live campaign today."""
    start, end = bounds(day_of(at))
    live = Campaign.objects.visible_to(user).live()
    arrived = Message.objects.filter(run__campaign__in=live, state=MessageState.DELIVERED)
    arrived = arrived.filter(settled_at__gte=start, settled_at__lt=end)
    return arrived.aggregate(people=Count("customer_id", distinct=True))["people"]


@dataclass(frozen=True)
class Finished:
    campaign: Campaign
    result: Result | None


def finished(user: User, *, at: datetime) -> list[Finished]:
    """Return the campaigns that ended lately and what they brought."""
    ended = Campaign.objects.visible_to(user).filter(
        state=CampaignState.FINISHED, finished_at__gt=at - FINISHED_WITHIN, finished_at__lte=at
    )
    campaigns = list(ended.order_by("-finished_at")[:MOST_ROWS])
    found = queries.results_of(campaigns)
    return [Finished(campaign, found.get(campaign.pk)) for campaign in campaigns]


# ── what went wrong ──────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Alert:
    """Something to look at. The template has the sentence of each `kind`; `level` is bad or warn."""

    kind: str
    level: str
    on: Any
    at: datetime | date | None = None
    count: int = 0
    why: str = ""


def alerts(user: User, *, at: datetime) -> list[Alert]:
    """Return what the person should know about, what stops something first."""
    found = [*_paused(user), *_gateways(user, at), *_feeds(user, at), *_replies(user), *_late_data(user, at)]
    return sorted(found, key=lambda alert: alert.level != "bad")


def _paused(user: User) -> list[Alert]:
    campaigns = {str(c.pk): c for c in Campaign.objects.visible_to(user).filter(state=CampaignState.PAUSED)}
    if not campaigns:
        return []
    # the latest pause of each, and only where nobody pressed the button: the sender did it
    entries: dict[str, AuditEntry] = {}
    moves = AuditEntry.objects.filter(action="campaign.pause", object_type="campaign", object_id__in=campaigns)
    for entry in moves.order_by("number"):
        entries[entry.object_id] = entry
    stopped = {pk: entry for pk, entry in entries.items() if entry.actor_id is None}
    unsent = _unsent(stopped)
    return [
        Alert("paused", "bad", campaigns[pk], entry.at, unsent.get(int(pk), 0), _pause_reason(entry))
        for pk, entry in stopped.items()
    ]


def _pause_reason(entry: AuditEntry) -> str:
    why = str(entry.detail.get("why", ""))
    return "gateway" if why.startswith("gateway") else why


def _unsent(campaigns: dict[str, AuditEntry]) -> dict[int, int]:
    waiting = Message.objects.filter(
        run__campaign__in=[int(pk) for pk in campaigns], state__in=[MessageState.PLANNED, MessageState.HELD]
    )
    return dict(waiting.values_list("run__campaign_id").annotate(messages=Count("pk")).order_by())


def _gateways(user: User, at: datetime) -> list[Alert]:
    if not has(user, "delivery.view"):
        return []
    closed = Gateway.objects.filter(is_active=True, closed_until__gt=at)
    return [Alert("gateway", "bad", gateway, gateway.closed_until, gateway.failures) for gateway in closed]


def _feeds(user: User, at: datetime) -> list[Alert]:
    if not has(user, "feeds.view"):
        return []
    lately = FeedRun.objects.filter(finished_at__gt=at - FEEDS_WITHIN)
    runs = lately.filter(Q(state=FeedRunState.FAILED) | Q(state=FeedRunState.DONE, rows_rejected__gt=0))
    latest = list(runs.order_by("-finished_at"))
    failed = [run for run in latest if run.state == FeedRunState.FAILED][:MOST_ROWS]
    rejecting = [run for run in latest if run.state == FeedRunState.DONE]
    return [*(Alert("feed_failed", "bad", run, run.finished_at) for run in failed), *_rejecting(rejecting)]


def _rejecting(runs: list[FeedRun]) -> list[Alert]:
    """Return an alert per file that had rows rejected; from three files on they are one alert, `why` how many."""
    if len(runs) <= FILES_APART:
        return [Alert("feed_rejected", "warn", run, run.finished_at, run.rows_rejected) for run in runs]
    rows = sum(run.rows_rejected for run in runs)
    return [Alert("feeds_rejected", "warn", runs[0], runs[0].finished_at, rows, str(len(runs)))]


def _replies(user: User) -> list[Alert]:
    if not has(user, "delivery.inbox"):
        return []
    unread = Inbound.objects.filter(action="inbox", handled_at=None)
    if not user.is_bank_wide:
        unread = unread.filter(campaign__in=Campaign.objects.visible_to(user))
    found = unread.aggregate(count=Count("pk"), latest=Max("received_at"))
    return [Alert("replies", "warn", None, found["latest"], found["count"])] if found["count"] else []


def _late_data(user: User, at: datetime) -> list[Alert]:
    if not has(user, "feeds.view"):
        return []
    found = []
    newest = Partition.objects.published(Dataset.ATTRIBUTES).aggregate(key=Max("key"))["key"]
    if newest and day_of(at) - (as_of := date.fromisoformat(newest.removeprefix("as_of="))) > ATTRIBUTES_LATE:
        found.append(Alert("attributes_late", "warn", None, as_of))
    opened = Opening.objects.order_by("-pk").values_list("recorded_at", flat=True).first()
    if opened and at - opened > OPENINGS_LATE and Campaign.objects.visible_to(user).live().exists():
        found.append(Alert("openings_late", "warn", None, opened))
    return found


def jobs(user: User) -> list[Job]:
    """Return the person's own work in progress."""
    return list(Job.objects.visible_to(user).unfinished())


# ── a branch ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class BranchDay:
    """What marketing does with a branch's customers."""

    customers: int
    contacted: int
    conversions: int
    amount: Any
    contacts: list[Message]
    since: date


def branch_day(user: User, *, at: datetime) -> BranchDay:
    """Return the contacts and conversions of the branch's customers over the last thirty days."""
    first = day_of(at) - timedelta(days=29)
    start, _end = bounds(first)
    arrived = Message.objects.filter(customer__branch=user.branch, state=MessageState.DELIVERED, settled_at__gte=start)
    converted = Conversion.objects.visible_to(user).filter(at__gte=start, arm="treated")
    sums = converted.aggregate(count=Count("pk"), amount=Sum("amount"))
    return BranchDay(
        customers=queries.base_size(user),
        contacted=arrived.aggregate(people=Count("customer_id", distinct=True))["people"],
        conversions=sums["count"],
        amount=sums["amount"],
        contacts=list(
            arrived.select_related("customer", "campaign__product", "campaign__department").order_by("-settled_at")[:20]
        ),
        since=first,
    )

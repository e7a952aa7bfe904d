"""The figures of the reports: one function per figure, each over what the person may see.

A report is about the campaigns launched within a period and about everything those brought, also after its last day:
splitting a campaign's effect between two periods would leave neither with a control group that fits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.models import Department, User
from campaigns.models import Arm, Campaign, CampaignState, Run, Step
from customers.models import Customer
from delivery.models import Message, MessageState
from marketing.lib.days import bank_zone, day_of
from outcomes import results
from outcomes.lift import combine, difference
from outcomes.models import Conversion
from outcomes.results import Funnel, Result
from reports.periods import Period

# What the gateway took is on its bill, whatever became of it; a failure before that is not.
BILLED = Q(state__in=[MessageState.ACCEPTED, MessageState.DELIVERED]) | Q(state=MessageState.FAILED, provider_id__gt="")


def campaigns_of(user: User, department: Department | None = None) -> QuerySet[Campaign]:
    """Return the campaigns the person sees, of one department where one is named."""
    visible = Campaign.objects.visible_to(user)
    return visible.filter(department=department) if department else visible


def runs_of(campaigns: QuerySet[Campaign], period: Period) -> list[Run]:
    """Return the runs frozen within the period, the latest first."""
    start, end = period.bounds
    frozen = Run.objects.filter(campaign__in=campaigns, frozen_at__gte=start, frozen_at__lt=end)
    return list(frozen.select_related("campaign", "approval").order_by("-frozen_at", "-pk"))


def people_reached(runs: Iterable[Run]) -> int:
    """Return how many different people got at least one message of these runs."""
    arrived = Message.objects.filter(run__in=[run.pk for run in runs], state=MessageState.DELIVERED)
    return arrived.aggregate(people=Count("customer_id", distinct=True))["people"]


def base_size(user: User) -> int:
    """Return how many customers there are for the person."""
    return Customer.objects.visible_to(user).count()


def costs(runs: Iterable[Run]) -> dict[int, Decimal]:
    """Return what each run's billed parts cost, at the prices its approval was given for."""
    prices = {run.pk: _prices(run) for run in runs}
    billed = (
        Message.objects.filter(BILLED, run__in=prices)
        .values_list("run_id", "channel")
        .annotate(parts=Sum("parts"))
        .order_by()
    )
    found: dict[int, Decimal] = defaultdict(Decimal)
    for run, channel, parts in billed:
        found[run] += (parts or 0) * prices[run].get(channel, Decimal())
    return found


def _prices(run: Run) -> dict[str, Decimal]:
    policies = run.approval.content.get("policy", [])
    return {policy["channel"]: Decimal(policy["price_per_part"]) for policy in policies}


def draft_to_launch(runs: Iterable[Run]) -> timedelta | None:
    """Return the median time from a campaign's first draft to its launch."""
    waits = [(run.frozen_at - run.campaign.created_at).total_seconds() for run in runs if run.number == 1]
    return timedelta(seconds=median(waits)) if waits else None


def channels(campaigns: Iterable[int]) -> dict[int, list[str]]:
    """Return the channels of each campaign in the order of its steps."""
    found: dict[int, list[str]] = defaultdict(list)
    for campaign, channel in Step.objects.filter(campaign__in=list(campaigns)).values_list("campaign_id", "channel"):
        if channel not in found[campaign]:
            found[campaign].append(channel)
    return found


@dataclass(frozen=True)
class Week:
    """Conversions of the treated in one week, split into what would have happened anyway and what was added."""

    monday: date
    anyway: float
    extra: float
    low: float
    high: float
    open: bool

    @property
    def treated(self) -> float:
        return self.anyway + self.extra


def conversions_by_day(runs: Iterable[Run]) -> dict[tuple[int, str], dict[date, int]]:
    """Return how many converted, per run and arm, on each of the bank's days."""
    rows = (
        Conversion.objects.filter(run__in=[run.pk for run in runs])
        .annotate(day=TruncDate("at", tzinfo=bank_zone()))
        .values_list("run_id", "arm", "day")
        .annotate(people=Count("pk"))
        .order_by()
    )
    found: dict[tuple[int, str], dict[date, int]] = defaultdict(dict)
    for run, arm, day, people in rows:
        found[run, arm][day] = people
    return found


def weeks(runs: Sequence[Run], by_day: dict[tuple[int, str], dict[date, int]], *, at: datetime) -> list[Week]:
    """Return every week from the first launch to the end of the last window, or to `at`.

    Runs without a control group are left out, as from every figure of effect.
    """
    compared = [run for run in runs if run.treated and run.control]
    if not compared:
        return []
    first = _monday(day_of(min(run.frozen_at for run in compared)))
    ends = max(run.frozen_at + timedelta(days=run.campaign.goal_days) for run in compared)
    last = _monday(min(day_of(ends), day_of(at)))
    per_week = {key: _by_week(days) for key, days in by_day.items()}
    return [
        _week(first + timedelta(days=offset), compared, per_week, at=at)
        for offset in range(0, (last - first).days + 1, 7)
    ]


def _week(monday: date, runs: list[Run], per_week: dict[tuple[int, str], dict[date, int]], *, at: datetime) -> Week:
    treated = {run.pk: per_week.get((run.pk, Arm.TREATED), {}).get(monday, 0) for run in runs}
    control = {run.pk: per_week.get((run.pk, Arm.CONTROL), {}).get(monday, 0) for run in runs}
    # A week before a run's freeze or after its window knows nothing of it.
    known = [run for run in runs if treated[run.pk] or control[run.pk] or _covers(run, monday)]
    lift = combine(difference(run.treated, treated[run.pk], run.control, control[run.pk]) for run in known)
    extra = lift.extra or 0.0
    over = day_of(at) <= monday + timedelta(days=6)
    return Week(monday, sum(treated.values()) - extra, extra, lift.extra_low or 0.0, lift.extra_high or 0.0, over)


def _covers(run: Run, monday: date) -> bool:
    ends = day_of(run.frozen_at + timedelta(days=run.campaign.goal_days))
    return _monday(day_of(run.frozen_at)) <= monday <= ends


def _by_week(days: dict[date, int]) -> dict[date, int]:
    found: dict[date, int] = defaultdict(int)
    for day, people in days.items():
        found[_monday(day)] += people
    return found


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True)
class CampaignRow:
    """A campaign in a table: its runs of the period together."""

    campaign: Campaign
    channels: list[str]
    result: Result
    cost: Decimal
    growth: list[int]  # treated conversions so far, day by day

    @property
    def estimate(self) -> float | None:
        return self.result.lift.estimate


@dataclass(frozen=True)
class Dashboard:
    """A department's report, or the bank's. `total` is the sum of the rows."""

    period: Period
    rows: list[CampaignRow]
    running: int
    total: Result
    funnel: Funnel
    weeks: list[Week]
    reached: int
    reached_before: int
    base: int
    cost: Decimal
    to_launch: timedelta | None
    to_launch_before: timedelta | None
    as_of: datetime

    @property
    def coverage(self) -> float | None:
        return self.reached / self.base if self.base else None

    @property
    def coverage_figure(self) -> float | None:
        """The coverage in percent, as the strip writes it."""
        return None if self.coverage is None else self.coverage * 100

    @property
    def extra_margin(self) -> float | None:
        """Half the width of the interval of the extra conversions."""
        lift = self.total.lift
        return None if lift.extra_low is None or lift.extra_high is None else (lift.extra_high - lift.extra_low) / 2

    @property
    def launch_hours(self) -> float | None:
        return self.to_launch.total_seconds() / 3600 if self.to_launch else None

    @property
    def weeks_treated(self) -> float:
        return sum(week.treated for week in self.weeks)

    @property
    def weeks_anyway(self) -> float:
        return sum(week.anyway for week in self.weeks)

    @property
    def coverage_change(self) -> float | None:
        return (self.reached - self.reached_before) / self.base if self.base and self.reached_before else None

    @property
    def reached_change(self) -> float | None:
        return self.reached / self.reached_before - 1 if self.reached_before else None

    @property
    def reached_twice(self) -> int:
        """How much the sum over campaigns exceeds the number of different people."""
        return self.total.reached - self.reached

    @property
    def cost_each(self) -> float | None:
        """Yuan per extra conversion, where there certainly are any."""
        lift = self.total.lift
        return float(self.cost) / lift.extra if lift.extra and lift.conclusive and lift.extra > 0 else None

    @property
    def launch_change(self) -> float | None:
        if not self.to_launch or not self.to_launch_before:
            return None
        return self.to_launch / self.to_launch_before - 1

    @property
    def scale(self) -> tuple[float, float]:
        """The shares between which every interval of the table lies."""
        return scale_of(row.result for row in self.rows)


def dashboard(user: User, *, department: Department | None, period: Period, at: datetime) -> Dashboard:
    """Return the report over the campaigns launched within the period."""
    campaigns = campaigns_of(user, department)
    runs, before = runs_of(campaigns, period), runs_of(campaigns, period.previous)
    found = results.of_runs(runs)
    by_day = conversions_by_day(runs)
    cost = costs(runs)
    total = results.together(found.values())
    rows = _rows(runs, found, cost, by_day, at=at)
    return Dashboard(
        period=period,
        rows=rows,
        running=sum(row.campaign.state == CampaignState.RUNNING for row in rows),
        total=total,
        funnel=results.funnel([run.pk for run in runs], total),
        weeks=weeks(runs, by_day, at=at),
        reached=people_reached(runs),
        reached_before=people_reached(before),
        base=base_size(user),
        cost=sum(cost.values(), Decimal()),
        to_launch=draft_to_launch(runs),
        to_launch_before=draft_to_launch(before),
        as_of=at,
    )


def _rows(
    runs: list[Run],
    found: dict[int, Result],
    cost: dict[int, Decimal],
    by_day: dict[tuple[int, str], dict[date, int]],
    *,
    at: datetime,
) -> list[CampaignRow]:
    together: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        together[run.campaign_id].append(run)
    how = channels(together)
    return [
        CampaignRow(
            parts[0].campaign,
            how[campaign],
            results.together(found[run.pk] for run in parts),
            sum((cost.get(run.pk, Decimal()) for run in parts), Decimal()),
            _growth(parts, by_day, at=at),
        )
        for campaign, parts in together.items()
    ]


def _growth(runs: list[Run], by_day: dict[tuple[int, str], dict[date, int]], *, at: datetime) -> list[int]:
    first = day_of(min(run.frozen_at for run in runs))
    last = min(day_of(at), day_of(max(run.frozen_at for run in runs) + timedelta(days=runs[0].campaign.goal_days)))
    so_far, growth = 0, []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        so_far += sum(by_day.get((run.pk, Arm.TREATED), {}).get(day, 0) for run in runs)
        growth.append(so_far)
    return growth


def scale_of(shown: Iterable[Result]) -> tuple[float, float]:
    """Return shares between which all intervals and zero lie, so that a column has one scale."""
    lifts = [result.lift for result in shown if result.lift.low is not None and result.lift.high is not None]
    low = min([0.0, *(lift.low for lift in lifts if lift.low is not None)])
    high = max([0.0, *(lift.high for lift in lifts if lift.high is not None)])
    margin = (high - low) * 0.06 or 0.001
    return low - margin, high + margin


def results_of(campaigns: Iterable[Campaign]) -> dict[int, Result]:
    """Return the result of each campaign that has a run, by the campaign's id."""
    runs = list(Run.objects.filter(campaign__in=[campaign.pk for campaign in campaigns]).order_by("pk"))
    found = results.of_runs(runs)
    together: dict[int, list[Result]] = defaultdict(list)
    for run in runs:
        together[run.campaign_id].append(found[run.pk])
    return {campaign: results.together(parts) for campaign, parts in together.items()}

"""The figures of a campaign's result: both arms, who was reached, the lift, its worth, and how it grew day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from campaigns.models import Arm, Campaign, Run
from delivery.models import Message, MessageState
from marketing.lib.days import bank_zone, day_of
from outcomes import attribution
from outcomes.lift import Lift, combine, difference
from outcomes.models import Conversion
from outcomes.value import Value, total, value_of


@dataclass(frozen=True)
class ArmFigures:
    """One arm: `people` as frozen, `converted` of them, `paid` conversions with an amount adding up to `amount`."""

    people: int = 0
    converted: int = 0
    paid: int = 0
    amount: Decimal | None = None

    @property
    def rate(self) -> float | None:
        return self.converted / self.people if self.people else None

    @property
    def amount_per_person(self) -> float | None:
        return float(self.amount) / self.people if self.people and self.amount is not None else None

    def __add__(self, other: ArmFigures) -> ArmFigures:
        amounts = [a for a in (self.amount, other.amount) if a is not None]
        return ArmFigures(
            self.people + other.people,
            self.converted + other.converted,
            self.paid + other.paid,
            sum(amounts, Decimal()) if amounts else None,
        )


@dataclass(frozen=True)
class Result:
    """What one or several runs brought. `reached` people got at least one message that arrived."""

    treated: ArmFigures
    control: ArmFigures
    reached: int
    lift: Lift
    value: Value | None

    @property
    def both(self) -> ArmFigures:
        return self.treated + self.control


def of_runs(runs: Iterable[Run]) -> dict[int, Result]:
    """Return each run's result by the run's id, in two queries however many there are."""
    sizes = {run.pk: (run.treated, run.control) for run in runs}
    reached = _reached(list(sizes))
    converted = _converted(list(sizes))
    return {
        run: _result(
            ArmFigures(treated, *converted.get((run, Arm.TREATED), (0, 0, None))),
            ArmFigures(control, *converted.get((run, Arm.CONTROL), (0, 0, None))),
            reached.get(run, 0),
        )
        for run, (treated, control) in sizes.items()
    }


def together(results: Iterable[Result]) -> Result:
    """Add results up, so that people, conversions, extra and worth are the sums of the parts."""
    parts = list(results)
    if len(parts) == 1:
        return parts[0]
    return Result(
        sum((part.treated for part in parts), ArmFigures()),
        sum((part.control for part in parts), ArmFigures()),
        sum(part.reached for part in parts),
        combine(part.lift for part in parts),
        total(part.value for part in parts),
    )


def _result(treated: ArmFigures, control: ArmFigures, reached: int) -> Result:
    lift = difference(treated.people, treated.converted, control.people, control.converted)
    return Result(treated, control, reached, lift, value_of(lift, amount=treated.amount, paid=treated.paid))


def _reached(runs: list[int]) -> dict[int, int]:
    arrived = Message.objects.filter(run_id__in=runs, state=MessageState.DELIVERED)
    counted = arrived.values("run_id").annotate(people=Count("customer_id", distinct=True)).order_by()
    return {row["run_id"]: row["people"] for row in counted}


def _converted(runs: list[int]) -> dict[tuple[int, str], tuple[int, int, Decimal | None]]:
    rows = (
        Conversion.objects.filter(run_id__in=runs)
        .values("run_id", "arm")
        .annotate(people=Count("pk"), paid=Count("amount"), amount=Sum("amount"))
        .order_by()
    )
    return {(row["run_id"], row["arm"]): (row["people"], row["paid"], row["amount"]) for row in rows}


STEP_WORDS: dict[str, str | Promise] = {
    "treated": pgettext_lazy("funnel", "Treated"),
    "reached": pgettext_lazy("funnel", "Reached"),
    "applied": pgettext_lazy("funnel", "Applied"),
    "approved": pgettext_lazy("funnel", "Approved"),
    "opened": pgettext_lazy("funnel", "Opened"),
}


@dataclass(frozen=True)
class Step:
    """One bar of the funnel: how many came so far, and which share of those of the step before."""

    name: str
    people: int
    share: float | None = None

    @property
    def label(self) -> str:
        return str(STEP_WORDS[self.name])


@dataclass(frozen=True)
class Funnel:
    """The treated arm's way from target to taking the product up; `control` has the stages of the control arm."""

    steps: tuple[Step, ...]
    control: tuple[int, int, int]
    treated_rate: float | None
    control_rate: float | None

    @property
    def first(self) -> int:
        return self.steps[0].people


def funnel(runs: Iterable[int], result: Result) -> Funnel:
    """Return the funnel of these runs, whose figures are `result`."""
    found = attribution.stages(runs)
    # The last bar is the conversions counted so far, so that it equals every other figure of the page.
    treated = (*found["treated"][:2], result.treated.converted)
    control = (*found["control"][:2], result.control.converted)
    counts = (result.treated.people, result.reached, *treated)
    names = ("treated", "reached", "applied", "approved", "opened")
    shares = [None, *(now / before if before else None for before, now in pairwise(counts))]
    steps = tuple(Step(*parts) for parts in zip(names, counts, shares, strict=True))
    return Funnel(steps, control, result.treated.rate, result.control.rate)


@dataclass(frozen=True)
class Day:
    """The lift as it stood at the end of a day, over everybody assigned."""

    day: date
    treated: int
    control: int
    lift: Lift


def by_day(runs: Iterable[Run], *, goal_days: int, at: datetime) -> list[Day]:
    """Return the cumulative lift for every day from the first freeze to the end of the window, or to `at`."""
    runs = list(runs)
    if not runs:
        return []
    per_day = _conversions_by_day([run.pk for run in runs])
    seen: dict[tuple[int, str], int] = defaultdict(int)
    days = []
    first = day_of(min(run.frozen_at for run in runs))
    last = min(day_of(at), day_of(max(run.frozen_at for run in runs) + timedelta(days=goal_days)))
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        for run, arm, people in per_day.get(day, ()):
            seen[run, arm] += people
        days.append(_day(day, runs, seen))
    return days


def _day(day: date, runs: list[Run], seen: dict[tuple[int, str], int]) -> Day:
    pairs = [(run, seen[run.pk, Arm.TREATED], seen[run.pk, Arm.CONTROL]) for run in runs]
    lifts = [difference(run.treated, treated, run.control, control) for run, treated, control in pairs]
    lift = lifts[0] if len(lifts) == 1 else combine(lifts)
    return Day(day, sum(t for _, t, _ in pairs), sum(c for _, _, c in pairs), lift)


def _conversions_by_day(runs: list[int]) -> dict[date, list[tuple[int, str, int]]]:
    rows = (
        Conversion.objects.filter(run_id__in=runs)
        .annotate(day=TruncDate("at", tzinfo=bank_zone()))
        .values_list("day", "run_id", "arm")
        .annotate(people=Count("pk"))
        .order_by()
    )
    found: dict[date, list[tuple[int, str, int]]] = defaultdict(list)
    for day, run, arm, people in rows:
        found[day].append((run, arm, people))
    return found


@dataclass(frozen=True)
class CampaignResult:
    """Everything the result of a campaign shows."""

    campaign: Campaign
    runs: list[Run]
    result: Result
    funnel: Funnel
    days: list[Day]
    window_ends: datetime
    open: bool


def of_campaign(campaign: Campaign, *, at: datetime) -> CampaignResult | None:
    """Return a campaign's result as of the instant; None before its first run is frozen."""
    runs = list(campaign.runs.order_by("number"))
    if not runs:
        return None
    result = together(of_runs(runs).values())
    ends = max(run.frozen_at for run in runs) + timedelta(days=campaign.goal_days)
    return CampaignResult(
        campaign,
        runs,
        result,
        funnel([run.pk for run in runs], result),
        by_day(runs, goal_days=campaign.goal_days, at=at),
        ends,
        open=at < ends,
    )

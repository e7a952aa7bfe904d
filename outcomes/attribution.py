"""Openings become conversions: whose, within which window, counted once.

A conversion is a customer's first opening of the campaign's product after their run was frozen and at most the
campaign's goal days later. It counts in the arm to which the freeze assigned the customer, reached or not (intention
to treat): what happened afterwards – no receipt, an opt-out, a call not answered – changes no assignment.

The result depends on openings and targets only, not on when it is worked out: an opening that is reported late is
picked up, and one that turns out to be earlier replaces the one counted before. `recompute` therefore gives the same
rows as every `attribute` before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from campaigns.models import Run

# How long after a run's freeze new openings are still looked for every minute: the longest goal (180 days) and two
# months for a core system that reports late. Anything later is brought in by `recompute`.
WATCHED = timedelta(days=240)

# Openings lead and targets are looked up one by one (LATERAL … LIMIT 1): there are far fewer openings than targets, and
# a plan that walks through the targets instead takes minutes.
ATTRIBUTE = """
INSERT INTO outcomes_conversion (campaign_id, run_id, customer_id, opening_id, arm, at, amount, recorded_at)
SELECT DISTINCT ON (run.id, opening.customer_id)
       run.campaign_id, run.id, opening.customer_id, opening.id, target.arm, opening.at, opening.amount, %(at)s
FROM campaigns_run run
JOIN campaigns_campaign campaign ON campaign.id = run.campaign_id
JOIN customers_opening opening
  ON opening.product_id = campaign.product_id AND opening.stage = 'opened'
 AND opening.at > run.frozen_at AND opening.at <= run.frozen_at + make_interval(days => campaign.goal_days)
CROSS JOIN LATERAL (
    SELECT found.arm FROM campaigns_target found
    WHERE found.run_id = run.id AND found.customer_id = opening.customer_id LIMIT 1
) AS target
WHERE run.id = ANY(%(runs)s) AND target.arm IN ('treated', 'control')
ORDER BY run.id, opening.customer_id, opening.at, opening.id
ON CONFLICT (run_id, customer_id) DO UPDATE
   SET opening_id = excluded.opening_id, at = excluded.at, amount = excluded.amount, recorded_at = excluded.recorded_at
 WHERE (excluded.at, excluded.opening_id) < (outcomes_conversion.at, outcomes_conversion.opening_id)
"""

WATCHED_RUNS = "SELECT id FROM campaigns_run WHERE frozen_at > %s AND frozen_at <= %s"

# A table that was empty when it was last analysed and has been filled since looks empty to the planner.
LOOK_EMPTY = """
SELECT relname FROM pg_class
WHERE oid IN ('campaigns_target'::regclass, 'customers_opening'::regclass)
  AND reltuples = 0 AND pg_relation_size(oid) > 0
"""

# Whoever came to a later stage has passed the earlier ones, even where those were reported from before the freeze.
STAGES = """
SELECT arm, count(*) FILTER (WHERE stage >= 1), count(*) FILTER (WHERE stage >= 2), count(*) FILTER (WHERE stage >= 3)
FROM (
    SELECT run.id, opening.customer_id, target.arm,
           max(CASE opening.stage WHEN 'opened' THEN 3 WHEN 'approved' THEN 2 ELSE 1 END) AS stage
    FROM campaigns_run run
    JOIN campaigns_campaign campaign ON campaign.id = run.campaign_id
    JOIN customers_opening opening
      ON opening.product_id = campaign.product_id
     AND opening.at > run.frozen_at AND opening.at <= run.frozen_at + make_interval(days => campaign.goal_days)
    CROSS JOIN LATERAL (
        SELECT found.arm FROM campaigns_target found
        WHERE found.run_id = run.id AND found.customer_id = opening.customer_id LIMIT 1
    ) AS target
    WHERE run.id = ANY(%(runs)s) AND target.arm IN ('treated', 'control')
    GROUP BY run.id, opening.customer_id, target.arm
) AS furthest
GROUP BY arm
"""


def attribute(*, at: datetime, run: Run | None = None) -> int:
    """Count the openings of one run, or of every run that is still watched; return how many rows were new or changed.

    Doing it again changes nothing.
    """
    with connection.cursor() as cursor:
        runs = [run.pk] if run else _watched(at)
        if not runs:
            return 0
        _let_the_planner_see()
        cursor.execute(ATTRIBUTE, {"at": at, "runs": runs})
        return cursor.rowcount


def recompute(run: Run, *, at: datetime) -> int:
    """Throw a run's conversions away and count them again from openings and targets; return how many there are.

    Corrects what an opening that was taken back by the core system left behind.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM outcomes_conversion WHERE run_id = %s", [run.pk])
        return attribute(at=at, run=run)


def stages(runs: Iterable[int]) -> dict[str, tuple[int, int, int]]:
    """Return, per arm, how many customers applied, were approved and opened within their run's window.

    Somebody who is a target of two runs counts in both, as in the sums of their targets.
    """
    with connection.cursor() as cursor:
        cursor.execute(STAGES, {"runs": list(runs)})
        found = {arm: (applied, approved, opened) for arm, applied, approved, opened in cursor.fetchall()}
    return {arm: found.get(arm, (0, 0, 0)) for arm in ("treated", "control")}


def _let_the_planner_see() -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOOK_EMPTY)
        if any(cursor.fetchall()):
            cursor.execute("ANALYZE campaigns_target, customers_opening")


def _watched(at: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(WATCHED_RUNS, [at - WATCHED, at])
        return [row[0] for row in cursor.fetchall()]

"""`attribute`: openings become conversions, against the hand-written SQL into a copy of the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from customers.models import Opening, Product
from demo.bench.database import execute, settle, twin, value
from demo.bench.ground import Ground
from demo.bench.measure import Race, Side
from outcomes import attribution

SHARE = 5  # one opening for so many members of the audience

# Three stages each, over forty days, so that a part falls outside the window.
_OPENINGS = """
INSERT INTO customers_opening (reference, stage, customer_id, product_id, at, amount, recorded_at)
SELECT 'B' || t.id, s.stage, t.customer_id, %(product)s,
       %(at)s + make_interval(days => (t.id %% 40)::int, hours => s.hours), 50000 + t.id %% 1000, %(at)s
FROM campaigns_target t CROSS JOIN (VALUES ('applied', 0), ('approved', 5), ('opened', 12)) AS s (stage, hours)
WHERE t.run_id = %(run)s AND t.id %% %(share)s = 0
"""

_BY_HAND = """
INSERT INTO bench_conversion (campaign_id, run_id, customer_id, opening_id, arm, at, amount, recorded_at)
SELECT DISTINCT ON (t.customer_id) %(campaign)s, %(run)s, t.customer_id, o.id, t.arm, o.at, o.amount, %(now)s
FROM customers_opening o JOIN campaigns_target t ON t.customer_id = o.customer_id
WHERE t.run_id = %(run)s AND t.arm IN ('treated', 'control') AND o.product_id = %(product)s AND o.stage = 'opened'
  AND o.at > %(from)s AND o.at <= %(until)s
ORDER BY t.customer_id, o.at, o.id
"""


def races(ground: Ground) -> Iterator[Race]:
    """Yield the race over one opening for every five members of the audience."""
    run, campaign = ground.run, ground.run.campaign
    product = Product.objects.get(code="consumer_loan")
    now = ground.at + timedelta(days=60)
    by_hand = {
        "run": run.pk,
        "campaign": campaign.pk,
        "product": product.pk,
        "from": run.frozen_at,
        "until": run.frozen_at + timedelta(days=campaign.goal_days),
        "now": now,
    }
    execute(_OPENINGS, {"product": product.pk, "at": ground.at, "run": run.pk, "share": SHARE})
    twin("outcomes_conversion", "bench_conversion")
    settle("customers_opening", "campaigns_target")
    yield Race(
        "attribute",
        Opening.objects.filter(stage="opened").count(),
        Side(lambda: attribution.attribute(at=now, run=run), before=lambda: execute("TRUNCATE outcomes_conversion")),
        Side(lambda: execute(_BY_HAND, by_hand), before=lambda: execute("TRUNCATE bench_conversion")),
        target=1.5,
    )
    ours, floor = (value(f"SELECT count(*) FROM {table}") for table in ("outcomes_conversion", "bench_conversion"))  # noqa: S608
    if ours != floor or not ours:
        raise RuntimeError(f"{ours} conversions, {floor} by hand")

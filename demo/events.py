"""What a demo customer does: openings over the months, everyday activity, consents."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.draws import BLOCK, Bools, Floats, Ints, Stream, choose_by_row, generator, labels, yes_no
from demo.facts import NEVER, Facts, History, features
from demo.people import BRANCH_NUMBERS, People
from demo.response import STAGES, Journey, clock, journey
from demo.truth import PRODUCTS, amounts, base_probability, within

DAY = 86_400
KINDS = ("card_spend", "transfer_out", "transfer_in", "app_login", "branch_visit", "bill_payment")
ACTIVITY_CHANNELS = ("app", "web", "counter", "atm", "pos")
# Per kind, over the channels above: for customers with online banking, and for those without.
CHANNEL_ONLINE = np.array(
    [
        [0.35, 0.10, 0.00, 0.00, 0.55],
        [0.80, 0.08, 0.06, 0.06, 0.00],
        [0.70, 0.10, 0.10, 0.10, 0.00],
        [1.00, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 1.00, 0.00, 0.00],
        [0.85, 0.10, 0.05, 0.00, 0.00],
    ]
)
CHANNEL_OFFLINE = np.array(
    [
        [0.00, 0.00, 0.00, 0.00, 1.00],
        [0.00, 0.00, 0.60, 0.40, 0.00],
        [0.00, 0.00, 0.60, 0.40, 0.00],
        [0.00, 0.00, 1.00, 0.00, 0.00],
        [0.00, 0.00, 1.00, 0.00, 0.00],
        [0.00, 0.00, 1.00, 0.00, 0.00],
    ]
)
APP_LOGIN, BRANCH_VISIT, TRANSFER_IN = KINDS.index("app_login"), KINDS.index("branch_visit"), KINDS.index("transfer_in")
# The mean of all kinds' weights together over the customers, so that an average row count comes out as asked.
USUAL_WEIGHT = 2.68
USUAL_AMOUNT = np.array([180.0, 900.0, 1500.0, np.nan, np.nan, 160.0])

CONSENT_CHANNELS = ("sms", "push", "call")
SOURCES = ("branch_form", "app_setting", "call_center", "web_form", "default")
# Per channel, over the sources above.
SOURCE_WEIGHTS = np.array(
    [[0.55, 0.25, 0.08, 0.115, 0.005], [0.02, 0.88, 0.00, 0.095, 0.005], [0.55, 0.10, 0.34, 0.005, 0.005]]
)
TEXT_VERSIONS = ("2021-03", "2023-01", "2025-02")
TEXT_FROM = np.array(
    [(dt.date(2023, 1, 1) - dt.date(1970, 1, 1)).days, (dt.date(2025, 2, 1) - dt.date(1970, 1, 1)).days]
)


def seconds(values: Ints) -> pa.Array:
    """Return local bank time from seconds since 1970-01-01 00:00 local."""
    return pa.array(values.astype("datetime64[s]"))


class Applications(NamedTuple):
    """Stages reached by applications for one product in one month; every array has shape (rows,).

    ``row`` is the customer's place in the block, ``step`` the place in ``STAGES``, ``at`` and ``applied`` seconds since
    1970-01-01 local (``applied`` is the application's), ``amount`` yuan or NaN.
    """

    product: Ints
    row: Ints
    step: Ints
    at: Ints
    applied: Ints
    amount: Floats


def openings_of_month(
    who: People, before: Facts, history: History, rng: np.random.Generator, first: int, days: int
) -> list[Applications]:
    """Draw the openings of one month from the facts at its start, and let them show in ``history``.

    ``first`` is the month's first day (days since 1970-01-01). One entry per product.
    """
    seen = features(who, before)
    present = who.opened < first
    usual = means(who)
    drawn = []
    for place, product in enumerate(PRODUCTS):
        base = within(base_probability(product, seen), days) * present
        luck = rng.random((6, BLOCK))
        path = journey(luck[0] < base, luck[1] * days, days, base, luck[2:5])
        asked = amounts(product, usual, luck[5])
        history.take_up(product.code, path.reached == 3, asked)
        drawn.append(_applications(place, path, asked, first))
    return drawn


def _applications(place: int, path: Journey, asked: Floats, first: int) -> Applications:
    rows = np.flatnonzero(path.reached)
    counts = path.reached[rows]
    row = np.repeat(rows, counts)
    step = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = first * DAY
    applied, at = start + clock(path.times[0, row]), start + clock(path.times[step, row])
    return Applications(np.full(len(row), place), row, step, at, applied, asked[row])


def openings_table(who: People, drawn: list[Applications]) -> pa.Table:
    """Return openings.csv of one block: one row per stage reached, by month, product and customer."""
    product, row, step, at, applied, amount = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return pa.table(
        {
            "opening_no": _opening_numbers(product, applied, who.sequence[row]),
            "customer_no": who.numbers.take(pa.array(row)),
            "product": labels([product.code for product in PRODUCTS], product),
            "stage": labels(STAGES, step),
            "at": seconds(at),
            "amount": pa.array(amount, from_pandas=True),
            "branch_no": labels(BRANCH_NUMBERS, who.branch[row]),
        }
    )


def _opening_numbers(product: Ints, applied: Ints, sequence: Ints) -> pa.Array:
    """Return application references: product, day of application (YYMMDD), customer (8 digits)."""
    days = (applied // DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    stamp = years % 100 * 10_000 + (months.astype(np.int64) % 12 + 1) * 100 + day
    digits = pc.cast(pa.array(stamp * 100_000_000 + sequence), pa.string())
    return pc.binary_join_element_wise(labels([product.prefix for product in PRODUCTS], product), digits, "")


def means(who: People) -> Floats:
    """Return how much a customer's amounts are of the usual ones, about 0.3 to 4."""
    return np.sqrt(who.income / 6500) * np.exp(0.3 * who.wealth)


def activity_of_month(
    who: People, facts: Facts, rng: np.random.Generator, first: int, days: int, average: float
) -> pa.Table:
    """Draw one month of activity, ``average`` rows per customer; shape (rows, 5), ordered by customer.

    A sample of what a bank has, not its ledger: the counts go with ``app_logins_30d`` and the card's use without adding
    up to them. No app login is later than ``last_app_login``.
    """
    weights = _kind_weights(facts)
    often = weights.sum(axis=1) * (who.opened < first)
    counts = rng.poisson(average * often / USUAL_WEIGHT)
    rows = np.repeat(np.arange(BLOCK), counts)
    kind = choose_by_row(rng, weights[rows])
    day = first + rng.integers(0, days, len(rows))
    kind = np.where((kind == APP_LOGIN) & (day > facts.last_app_login[rows]), TRANSFER_IN, kind)
    by_channel = np.where(facts.online_banking[rows, None], CHANNEL_ONLINE[kind], CHANNEL_OFFLINE[kind])
    amount = np.round(USUAL_AMOUNT[kind] * means(who)[rows] * np.exp(0.9 * rng.standard_normal(len(rows))), 2)
    return pa.table(
        {
            "customer_no": who.numbers.take(pa.array(rows)),
            "at": seconds(day * DAY + _time_of_day(rng, kind)),
            "kind": labels(KINDS, kind),
            "channel": labels(ACTIVITY_CHANNELS, choose_by_row(rng, by_channel)),
            "amount": pa.array(amount, from_pandas=True),
        }
    )


def _kind_weights(facts: Facts) -> Floats:
    card = facts.has_credit_card * (0.4 + 3.0 * np.nan_to_num(facts.card_use_rate))
    logins = np.where(facts.last_app_login != NEVER, 0.15 + 0.18 * facts.app_logins_30d, 0.0) * facts.online_banking
    visits = np.where(facts.online_banking, 0.06, 0.22)
    steady = np.full(BLOCK, 0.5)
    return np.stack([card, steady, 0.4 + 0.5 * facts.salary_paid_here, logins, visits, 0.7 * steady], axis=1)


def _time_of_day(rng: np.random.Generator, kind: Ints) -> Ints:
    """Return seconds after midnight: counters are open 9 to 17, everything else peaks in the evening."""
    spread = rng.random(len(kind))
    anywhere = np.interp(spread, [0, 0.03, 0.30, 0.62, 0.95, 1], [0, 7, 12, 18, 22.5, 24]) * 3600
    return np.where(kind == BRANCH_VISIT, (9 + 8 * spread) * 3600, anywhere).astype(np.int64).clip(0, DAY - 1)


def consents(seed: int, block: int, who: People, online: Bools, today: int) -> pa.Table:
    """Draw who agreed to which channel, and who took it back; shape (rows, 6), ordered by channel and customer.

    Few say nothing about a channel; about 3 % of the agreements are withdrawn later by a row of their own.
    """
    rng = generator(seed, Stream.CONSENTS, block)
    shares = (np.full(BLOCK, 0.78), np.where(online, 0.74, 0.05), np.full(BLOCK, 0.46) + 0.1 * (who.age > 50))
    return pa.concat_tables([_channel_consents(rng, who, n, share, today) for n, share in enumerate(shares)])


def _channel_consents(rng: np.random.Generator, who: People, channel: int, share: Floats, today: int) -> pa.Table:
    asked = rng.random(BLOCK) < 0.93
    granted = rng.random(BLOCK) < share
    span = np.maximum(today - who.opened, 1)
    day = who.opened + np.where(rng.random(BLOCK) < 0.7, 0, (rng.random(BLOCK) * span)).astype(np.int64)
    source = choose_by_row(rng, np.broadcast_to(SOURCE_WEIGHTS[channel], (BLOCK, len(SOURCES))))
    later = day + 1 + (rng.random(BLOCK) * (today - day)).astype(np.int64)
    withdrawn = asked & granted & (source != len(SOURCES) - 1) & (rng.random(BLOCK) < 0.03) & (later <= today)
    withdrawal_source = choose_by_row(rng, np.broadcast_to(SOURCE_WEIGHTS[channel][:4], (BLOCK, 4)))
    minute = rng.integers(9 * 60, 17 * 60, BLOCK)
    first = _consent_rows(who, channel, asked, granted, source, day * DAY + minute * 60)
    second = _consent_rows(who, channel, withdrawn, ~granted, withdrawal_source, later * DAY + minute * 60)
    return pa.concat_tables([first, second])


def _consent_rows(who: People, channel: int, chosen: Bools, granted: Bools, source: Ints, at: Ints) -> pa.Table:
    rows = np.flatnonzero(chosen)
    return pa.table(
        {
            "customer_no": who.numbers.take(pa.array(rows)),
            "channel": pa.array([CONSENT_CHANNELS[channel]] * len(rows), pa.string()),
            "granted": yes_no(granted[rows]),
            "source": labels(SOURCES, source[rows]),
            "text_version": labels(TEXT_VERSIONS, np.searchsorted(TEXT_FROM, at[rows] // DAY, side="right")),
            "at": seconds(at[rows]),
        }
    )

"""The known truth: who would have opened what untouched, and what one contact adds.

Saved beside the files (``truth.json``, ``truth.parquet``), so that tests can hold models, lifts and reports to it.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa

from demo.draws import Bools, Floats

CHANNELS = ("sms", "push", "call")
# The window a probability is about, in days.
WINDOW = 14


@dataclass(frozen=True)
class Product:
    """One product's part of the truth.

    ``intercept`` and ``coefficients`` give the log odds of opening within ``WINDOW`` days untouched, over the features
    of ``demo.facts.features``. ``persuadable`` is such a formula for being persuadable at all; ``effect`` is what one
    contact then adds to the probability, per channel. ``needs`` and ``unless`` name flags that decide who can open it.
    """

    code: str
    prefix: str
    name_zh: str
    name_en: str
    department: str
    kind: str
    annual_rate: str
    usual_amount: float | None
    intercept: float
    coefficients: dict[str, float]
    persuadable: dict[str, float]
    effect: dict[str, float]
    needs: tuple[str, ...] = ("adult",)
    unless: tuple[str, ...] = ()
    sleeping: float = 0.05


PRODUCTS = (
    Product(
        "consumer_loan", "CL", "随心消费贷", "Everyday Loan", "loan", "loan", "年化利率(单利)3.65%–7.20%", 60_000,
        -6.4,
        {"has_preapproved_limit": 0.9, "age_20_to_35": 0.4, "card_use_rate": 1.6, "owes_loans": 0.4, "risk_grade": 0.3,
         "self_employed": 0.3, "app_logins_log": 0.5, "age_over_60": -1.2, "student": -2.5, "log10_aum_over_4": -1.0},
        {"intercept": -1.9, "has_preapproved_limit": 1.1, "app_logins_log": 0.9, "card_use_rate": 0.8,
         "age_over_60": -1.0},
        {"sms": 0.045, "push": 0.035, "call": 0.09},
    ),
    Product(
        "mortgage_topup", "MT", "房抵加贷", "Mortgage Top-up", "loan", "loan", "年化利率(单利)3.35%–4.90%", 200_000,
        -5.2,
        {"self_employed": 0.8, "salary_paid_here": 0.3, "card_use_rate": 0.9, "overdue": -1.0},
        {"intercept": -1.6, "self_employed": 1.0, "salary_paid_here": 0.4},
        {"sms": 0.012, "push": 0.010, "call": 0.05},
        needs=("adult", "has_mortgage"),
    ),
    Product(
        "credit_card", "CC", "云江信用卡", "Yunjiang Credit Card", "card", "card", "透支年化利率最高18.25%", 20_000,
        -4.9,
        {"age_20_to_35": 0.7, "salary_paid_here": 0.6, "app_logins_log": 0.6, "age_over_60": -1.3,
         "student": -2.5, "risk_grade": -0.4},
        {"intercept": -1.7, "age_20_to_35": 0.8, "app_logins_log": 0.8},
        {"sms": 0.04, "push": 0.045, "call": 0.06},
        unless=("has_credit_card",),
    ),
    Product(
        "card_instalment", "CI", "账单分期", "Bill Instalments", "card", "card", "分期年化利率(单利)最高16.20%", 6_000,
        -5.1,
        {"card_use_rate": 2.2, "age_20_to_35": 0.3, "overdue": 0.6, "log10_aum_over_4": -0.8},
        {"intercept": -2.0, "card_use_rate": 2.0, "app_logins_log": 0.4},
        {"sms": 0.05, "push": 0.05, "call": 0.05},
        needs=("adult", "has_credit_card"),
    ),
    Product(
        "online_banking", "OB", "手机银行", "Mobile Banking", "online", "service", "", None,
        -4.6,
        {"age_20_to_35": 0.6, "salary_paid_here": 0.5, "age_over_60": -0.9, "has_credit_card": 0.4},
        {"intercept": -1.2, "salary_paid_here": 0.7, "age_over_60": 0.5},
        {"sms": 0.035, "push": 0.0, "call": 0.08},
        unless=("online_banking",),
    ),
    Product(
        "wealth_plus", "WP", "活期宝Plus", "Cash Plus", "online", "wealth", "七日年化收益率以当日公布为准", 30_000,
        -5.4,
        {"log10_aum_over_4": 2.4, "app_logins_log": 0.7, "age_over_60": 0.3},
        {"intercept": -2.0, "app_logins_log": 1.2, "log10_aum_over_4": 1.2},
        {"sms": 0.02, "push": 0.04, "call": 0.06},
        needs=("adult", "online_banking"), unless=("invests",),
    ),
)  # fmt: skip
BY_CODE = {product.code: product for product in PRODUCTS}


@dataclass
class Sums:
    """Totals over the bank from which truth.json takes its means."""

    customers: int = 0
    base: dict[str, float] = field(default_factory=dict)
    uplift: dict[str, dict[str, float]] = field(default_factory=dict)
    persuadable: dict[str, int] = field(default_factory=dict)
    sleeping: dict[str, int] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Add one block of truth.parquet."""
        self.customers += table.num_rows
        for product in PRODUCTS:
            code = product.code
            self.base[code] = self.base.get(code, 0.0) + _total(table, f"p_base_{code}")
            channels = self.uplift.setdefault(code, dict.fromkeys(CHANNELS, 0.0))
            for channel in CHANNELS:
                channels[channel] += _total(table, f"uplift_{channel}_{code}")
            strongest = table[f"uplift_call_{code}"].to_numpy()
            self.persuadable[code] = self.persuadable.get(code, 0) + int((strongest > 0).sum())
            self.sleeping[code] = self.sleeping.get(code, 0) + int((strongest < 0).sum())

    def manifest(self) -> dict[str, object]:
        """Return means over all customers, holders of the product counting as zero."""
        count = max(self.customers, 1)
        return {
            "base_rates": {code: round(total / count, 6) for code, total in self.base.items()},
            "uplift": {code: {c: round(t / count, 6) for c, t in by.items()} for code, by in self.uplift.items()},
            "share_persuadable": {code: round(n / count, 6) for code, n in self.persuadable.items()},
            "share_sleeping": {code: round(n / count, 6) for code, n in self.sleeping.items()},
            "formula": {product.code: asdict(product) for product in PRODUCTS},
            "window_days": WINDOW,
        }


def _total(table: pa.Table, column: str) -> float:
    return float(table[column].to_numpy().sum(dtype=np.float64))


def eligible(product: Product, features: dict[str, Floats]) -> Bools:
    """Return who could open the product at all: old enough, and not holding it already."""
    able = np.ones(len(features["adult"]), dtype=np.bool_)
    for flag in product.needs:
        able &= features[flag] > 0
    for flag in product.unless:
        able &= features[flag] == 0
    return able


def base_probability(product: Product, features: dict[str, Floats]) -> Floats:
    """Return the probability to open within ``WINDOW`` days untouched, zero for who cannot."""
    odds = np.full(len(features["adult"]), product.intercept)
    for name, weight in product.coefficients.items():
        odds += weight * features[name]
    return np.where(eligible(product, features), _logistic(odds), 0.0)


def uplifts(product: Product, features: dict[str, Floats], base: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Return what one contact adds to ``base`` per channel: positive, zero, or negative for sleeping dogs."""
    odds = np.full(len(base), product.persuadable["intercept"])
    for name, weight in product.persuadable.items():
        if name != "intercept":
            odds += weight * features[name]
    kind, strength = rng.random(len(base)), rng.uniform(0.6, 1.4, len(base))
    can = base > 0
    sleeping = can & (kind < product.sleeping)
    persuadable = can & ~sleeping & (rng.random(len(base)) < _logistic(odds))
    reach = {"sms": 1.0, "push": features["online_banking"], "call": 1.0}
    return {
        channel: reach[channel] * np.where(persuadable, effect * strength, np.where(sleeping, -0.5 * base, 0.0))
        for channel, effect in product.effect.items()
    }


def _logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def within(probability: Floats, days: float) -> Floats:
    """Turn a probability over ``WINDOW`` days into one over ``days``, at a constant rate."""
    return 1 - (1 - probability) ** (days / WINDOW)


def amounts(product: Product, means: Floats, noise: Floats) -> Floats:
    """Return applied amounts in yuan, NaN where the product has none; ``noise`` is uniform on [0, 1)."""
    if product.usual_amount is None:
        return np.full(len(means), np.nan)
    return np.round(product.usual_amount * means.clip(0.2, 6) * np.exp(1.1 * (noise - 0.5)) / 1000).clip(1, None) * 1000

"""How a demo customer's facts move from one month end to the next."""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from demo.draws import BLOCK, Bools, Floats, Ints, labels, yes_no
from demo.people import People, ages_on

RISK_GRADES = ("R1", "R2", "R3", "R4", "R5")
VIP_FROM = np.array([50_000, 200_000, 1_000_000, 6_000_000])
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Facts:
    """The facts of one block on one month end, named as in the files; every array has shape ``(BLOCK,)``.

    Money is yuan, ``card_use_rate`` a share of the limit, ``last_app_login`` days since 1970-01-01 or ``NEVER``,
    ``risk_grade`` and ``vip_level`` count from zero.
    """

    age: Ints
    salary_paid_here: Bools
    salary_in: Floats
    aum: Floats
    deposit_balance: Floats
    wealth_balance: Floats
    loan_balance: Floats
    has_mortgage: Bools
    has_credit_card: Bools
    card_limit: Floats
    card_use_rate: Floats
    card_spend_3m: Floats
    online_banking: Bools
    app_logins_30d: Ints
    last_app_login: Ints
    risk_grade: Ints
    preapproved_limit: Floats
    overdue_days_max_12m: Ints
    housing_fund_months: Ints
    products_held: Ints
    vip_level: Ints


FACTS = tuple(field.name for field in fields(Facts))


class History:
    """One block's customers moving through the months; ``step`` must be called for each month end in turn."""

    def __init__(self, who: People, rng: np.random.Generator, day: int) -> None:
        """Start the block at the month end ``day``, the one before the first that is published."""
        self.who = who
        self.rng = rng
        self.month = 0
        self.mood = 0.35 * rng.standard_normal(BLOCK)
        adult = who.age >= 18
        self.online = adult & (rng.random(BLOCK) < _logistic(0.9 * who.digital - 0.1))
        self.card = adult & (rng.random(BLOCK) < _logistic(np.log(who.income / 7000) - 0.4 * (who.age > 60) - 0.7))
        self.card &= who.occupation != 3
        self.mortgage = (who.age > 25) & (who.age < 62) & (rng.random(BLOCK) < 0.17 + 0.05 * (who.marital == 1))
        self.mortgage_due = np.where(self.mortgage, who.income * 12 * rng.uniform(2.0, 7.0, BLOCK), 0.0)
        self.other_loans = np.where(adult & (rng.random(BLOCK) < 0.07), who.income * rng.uniform(1.0, 10.0, BLOCK), 0.0)
        invests = rng.random(BLOCK) < _logistic(0.9 * who.wealth - 1.0)
        self.wealth_share = np.where(invests & adult, rng.beta(2.0, 2.5, BLOCK), 0.0)
        self.card_habit = rng.standard_normal(BLOCK) - 0.4
        # Some are paid here from a later month on, some leave: the month from which the opposite holds.
        self.pay_change = np.where(rng.random(BLOCK) < 0.06, rng.integers(1, 15, BLOCK), 99)
        self.last_login = np.where(self.online, day - rng.exponential(25.0, BLOCK).astype(np.int64), NEVER)
        self.overdue = self._new_overdue(0.05)
        self.fund_months = _fund_months(who, rng)

    def step(self, day: int) -> Facts:
        """Return the facts at the month end ``day`` (days since 1970-01-01)."""
        rng, who = self.rng, self.who
        self.mood = 0.93 * self.mood + 0.13 * rng.standard_normal(BLOCK)
        self._repay()
        self._age_overdue()
        paid = who.paid_here ^ (self.month >= self.pay_change)
        salary = np.where(paid, who.income * (1 + 0.004 * self.month) * rng.uniform(0.97, 1.03, BLOCK), 0.0)
        aum = _cents(
            np.exp(9.4 + 1.35 * who.wealth + 0.5 * np.log(who.income / 6000) + 0.018 * (who.age - 40) + self.mood)
        )
        wealth = _cents(aum * self.wealth_share * (aum > 5000))
        logins = self._logins(day)
        limit = np.where(
            self.card, _rounded(who.income * np.exp(0.35 * who.wealth) * 3.2, 1000).clip(3000, 500_000), np.nan
        )
        use = np.where(self.card, _logistic(self.card_habit + 0.45 * rng.standard_normal(BLOCK) - 0.6), np.nan)
        grade = np.digitize(who.risk + 0.02 * self.overdue, [-0.9, 0.1, 0.9, 1.7])
        loans = self.mortgage_due + self.other_loans
        facts = Facts(
            age=ages_on(who.birth, day),
            salary_paid_here=paid,
            salary_in=_cents(salary),
            aum=aum,
            deposit_balance=_cents(aum - wealth),
            wealth_balance=wealth,
            loan_balance=_cents(loans),
            has_mortgage=self.mortgage,
            has_credit_card=self.card.copy(),
            card_limit=limit,
            card_use_rate=np.asarray(np.round(use, 3), dtype=np.float64),
            card_spend_3m=_cents(np.nan_to_num(limit * use) * rng.uniform(0.8, 2.0, BLOCK)),
            online_banking=self.online.copy(),
            app_logins_30d=logins,
            last_app_login=self.last_login.copy(),
            risk_grade=grade,
            preapproved_limit=self._preapproved(salary, aum, grade),
            overdue_days_max_12m=self.overdue.copy(),
            housing_fund_months=self.fund_months + self.month * (self.fund_months > 0),
            products_held=_count(
                self.card, self.online, self.mortgage, self.other_loans > 100, wealth > 0, who.insured
            ),
            vip_level=np.digitize(aum, VIP_FROM),
        )
        self.month += 1
        return facts

    def take_up(self, product: str, opened: Bools, amounts: Floats) -> None:
        """Let an opening show in what follows: the new card exists, the new loan is owed."""
        if product == "credit_card":
            self.card |= opened
        elif product == "online_banking":
            self.online |= opened
        elif product == "wealth_plus":
            self.wealth_share = np.where(opened, np.maximum(self.wealth_share, 0.3), self.wealth_share)
        elif product == "consumer_loan":
            self.other_loans += np.where(opened, amounts, 0.0)
        elif product == "mortgage_topup":
            self.mortgage_due += np.where(opened, amounts, 0.0)

    def _repay(self) -> None:
        self.mortgage_due = self.mortgage_due * 0.994
        self.other_loans = np.where(self.other_loans > 100, self.other_loans * 0.955, 0.0)

    def _age_overdue(self) -> None:
        forgotten = self.rng.random(BLOCK) < 1 / 12
        self.overdue = np.maximum(np.where(forgotten, 0, self.overdue), self._new_overdue(0.006))

    def _new_overdue(self, share: float) -> Ints:
        owes = self.card | (self.mortgage_due + self.other_loans > 0)
        late = owes & (self.rng.random(BLOCK) < share * np.exp(0.8 * self.who.risk))
        days = np.where(late, 1 + self.rng.exponential(14.0, BLOCK), 0.0)
        return np.asarray(days.clip(0, 365), dtype=np.int64)

    def _logins(self, day: int) -> Ints:
        """Return app logins of the last 30 days, and move the day of the last one."""
        often = np.exp(1.1 + 0.55 * self.who.digital.clip(-3, 3) + 0.3 * self.rng.standard_normal(BLOCK))
        logins = np.where(self.online, self.rng.poisson(often), 0)
        ago = (self.rng.random(BLOCK) * 30 / np.maximum(logins, 1)).astype(np.int64)
        self.last_login = np.where(logins > 0, day - ago, self.last_login)
        return logins

    def _preapproved(self, salary: Floats, aum: Floats, grade: Ints) -> Floats:
        who = self.who
        known = (salary > 3000) | (self.fund_months >= 12) | (aum > 80_000)
        eligible = (
            known & (grade <= 2) & (who.age >= 22) & (who.age <= 60) & (who.occupation != 3) & (self.overdue < 30)
        )
        amount = _rounded(who.income * (10 - 2.0 * grade) + 0.15 * aum, 1000).clip(5000, 300_000)
        return np.where(eligible, amount, 0.0)


def _fund_months(who: People, rng: np.random.Generator) -> Ints:
    employed = who.occupation <= 1
    has_fund = employed & (rng.random(BLOCK) < np.where(who.occupation == 1, 0.97, 0.72))
    years = (who.age - 22).clip(0, None) * rng.random(BLOCK)
    return np.asarray(np.where(has_fund, years * 12, 0), dtype=np.int64)


def _logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _cents(amount: Floats) -> Floats:
    return np.asarray(np.round(amount, 2), dtype=np.float64)


def _rounded(amount: Floats, to: int) -> Floats:
    return np.round(amount / to) * to


def _count(*flags: Bools) -> Ints:
    return 1 + np.stack(flags).sum(axis=0, dtype=np.int64)


def features(who: People, facts: Facts) -> dict[str, Floats]:
    """Return what the truth depends on, each of shape ``(BLOCK,)`` and scaled to about 0..1.

    All but nothing of it can be read from the published attributes, so a model can learn the truth up to noise.
    """
    use = np.nan_to_num(facts.card_use_rate)
    columns: dict[str, np.ndarray] = {
        "age_20_to_35": (facts.age >= 20) & (facts.age < 36),
        "age_over_60": facts.age > 60,
        "student": who.occupation == 3,
        "self_employed": who.occupation == 2,
        "salary_paid_here": facts.salary_paid_here,
        "log10_aum_over_4": np.log10(1 + facts.aum) / 4 - 1,
        "has_preapproved_limit": facts.preapproved_limit > 0,
        "card_use_rate": use,
        "app_logins_log": np.log1p(facts.app_logins_30d) / 3,
        "owes_loans": facts.loan_balance > 100,
        "invests": facts.wealth_balance > 0,
        "risk_grade": facts.risk_grade / 4,
        "overdue": facts.overdue_days_max_12m.clip(0, 90) / 90,
        "has_mortgage": facts.has_mortgage,
        "has_credit_card": facts.has_credit_card,
        "online_banking": facts.online_banking,
        "adult": facts.age >= 18,
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def facts_columns(who: People, facts: Facts) -> dict[str, pa.Array]:
    """Return the columns of one month end as the file writes them, in file order."""
    written: dict[str, pa.Array] = {}
    for name in FACTS:
        values = getattr(facts, name)
        written[name] = yes_no(values) if values.dtype == np.bool_ else _written(name, values, who.missing.get(name))
    return written


def _written(name: str, values: np.ndarray, missing: Bools | None) -> pa.Array:
    if name == "risk_grade":
        return labels(RISK_GRADES, values, missing)
    if name == "last_app_login":
        return pa.array(values.clip(0, None).astype("datetime64[D]"), mask=values == NEVER)
    if values.dtype == np.float64:
        return pa.array(values, from_pandas=True, mask=np.isnan(values))
    return pa.array(values, mask=missing)

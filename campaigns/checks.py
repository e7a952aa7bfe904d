"""Whether a campaign may go out: every check with what it found, and the price; shown to author and approver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.utils.translation import gettext as _

from campaigns import audience, content, lint, members
from campaigns.audience import Split
from campaigns.hours import first_sending
from campaigns.models import Campaign, ContactPolicy, Reason
from marketing.lib import days
from marketing.lib.errors import UserError


@dataclass(frozen=True)
class Check:
    """One check: `error` stops submission, `warning` is for the approver to weigh, `ok` has passed."""

    level: Literal["error", "warning", "ok"]
    title: str
    detail: str = ""


@dataclass(frozen=True)
class Price:
    """What the texts of a campaign cost: parts per message for the longest values, and all of them together."""

    parts: int
    messages: int
    per_part: Decimal

    @property
    def all_parts(self) -> int:
        return self.parts * self.messages

    @property
    def total(self) -> Decimal:
        return content.cost(self.all_parts, self.per_part)


def wording(campaign: Campaign, policy: ContactPolicy, max_values: dict[str, str] | None = None) -> lint.Wording:
    """Return what the campaign's text is held against."""
    rate = campaign.product.annual_rate if campaign.product else ""
    product = campaign.product.name_zh if campaign.product else ""
    fixed = content.built_in_values(salutation="欧阳女士", annual_rate=rate, product=product)
    return lint.Wording(
        signature=policy.signature,
        opt_out=policy.opt_out_text,
        known=members.known_names(),
        annual_rate=rate,
        profile="gsm" if policy.length_profile == "gsm" else "cn",
        max_values=fixed | (max_values or {}),
    )


def findings(campaign: Campaign, text: str, held: lint.Wording) -> list[lint.Finding]:
    return lint.lint(text, campaign.product.kind if campaign.product else "", held)


def widest(text: str, held: lint.Wording) -> content.Parts:
    """Return the parts of the longest message anybody may get; raises TextError for a text that cannot be read."""
    whole = content.compose(held.signature, text, held.opt_out)
    return content.sms_parts(content.longest(whole, held.max_values), held.profile)


def price(campaign: Campaign, split: Split) -> Price:
    """Price a campaign at the longest message for everybody, so that the bill is never higher."""
    plan = audience.plan_of(campaign)
    lengths = members.longest_values(members.of_version(campaign.audience), plan.named) if campaign.audience else {}
    parts = widest(plan.variant.text, wording(campaign, plan.policy, lengths)).count
    return Price(parts, split.treated, plan.policy.price_per_part)


def run_all(campaign: Campaign, split: Split, cost: Price, *, at: datetime) -> list[Check]:
    """Return every check, errors first, then warnings, then what passed."""
    plan = audience.plan_of(campaign)
    found = [
        *_people(split),
        *_text(campaign, plan),
        *_money(campaign, cost),
        *_time(campaign, plan.policy, at),
        *_control(campaign, split),
    ]
    return sorted(found, key=lambda check: ("error", "warning", "ok").index(check.level))


def _people(split: Split) -> Iterator[Check]:
    if split.treated == 0:
        yield Check(
            "error", _("Nobody would be contacted"), _("Choose another segment, or see why everybody is left out.")
        )
        return
    left_out = sum(split.excluded.values())
    protected = sum(split.excluded.get(reason, 0) for reason in (Reason.UNDER_AGE, Reason.STUDENT))
    yield Check(
        "ok",
        _("Consent, suppression and phone"),
        _("%(number)s left out; checked again for each person when sending") % {"number": left_out},
    )
    yield Check(
        "ok", _("Students and minors"), _("%(number)s left out; nobody can override this") % {"number": protected}
    )


def _text(campaign: Campaign, plan: audience.Plan) -> Iterator[Check]:
    found = findings(campaign, plan.variant.text, wording(campaign, plan.policy))
    for finding in found:
        yield Check(finding.level, finding.sentence)
    codes = {finding.code for finding in found}
    if not codes & {"brackets", "opt_out", "too_long", "special", "emoji", "empty"}:
        signed = _("【%(signature)s】 and “%(opt_out)s” are added by themselves")
        detail = signed % {"signature": plan.policy.signature, "opt_out": plan.policy.opt_out_text}
        yield Check("ok", _("Signature, opt-out wording, characters and length"), detail)
    if "banned" not in codes and not codes & {"annual_rate", "no_rate", "short_cost"}:
        rate = _("The annual rate %(rate)s is stated") % {
            "rate": campaign.product.annual_rate if campaign.product else ""
        }
        yield Check("ok", _("No banned phrase"), rate if plan.credit else "")


def _money(campaign: Campaign, cost: Price) -> Iterator[Check]:
    if campaign.budget is None:
        yield Check(
            "warning",
            _("No budget is set"),
            _("The campaign would cost up to ¥%(cost)s.") % {"cost": f"{cost.total:,.2f}"},
        )
    elif cost.total > campaign.budget:
        sentence = _("The campaign would cost up to ¥%(cost)s; the budget is ¥%(budget)s.")
        yield Check(
            "error", _("Over budget"), sentence % {"cost": f"{cost.total:,.2f}", "budget": f"{campaign.budget:,.2f}"}
        )
    else:
        sentence = _("Up to ¥%(cost)s of ¥%(budget)s")
        yield Check(
            "ok", _("Within the budget"), sentence % {"cost": f"{cost.total:,.2f}", "budget": f"{campaign.budget:,.2f}"}
        )


def _time(campaign: Campaign, policy: ContactPolicy, at: datetime) -> Iterator[Check]:
    quiet = {"from": f"{policy.open_until:%H:%M}", "until": f"{policy.open_from:%H:%M}"}
    planned = campaign.scheduled_at
    if planned is None:
        yield Check(
            "ok",
            _("Quiet hours %(from)s–%(until)s") % quiet,
            _("Started by hand after approval; nothing leaves in quiet hours"),
        )
    elif planned <= at:
        yield Check("error", _("The planned time has passed"), _("Choose a later time under Schedule."))
    elif (really := first_sending(planned, policy)) != planned:
        sentence = _("The first message really goes out at %(time)s.") % {"time": f"{days.local(really):%m-%d %H:%M}"}
        yield Check("warning", _("The planned time lies in quiet hours %(from)s–%(until)s") % quiet, sentence)
    else:
        sentence = _("Planned for %(time)s") % {"time": f"{days.local(planned):%m-%d %H:%M}"}
        yield Check("ok", _("Quiet hours %(from)s–%(until)s") % quiet, sentence)


def _control(campaign: Campaign, split: Split) -> Iterator[Check]:
    if split.control == 0:
        yield Check(
            "warning", _("There is no control group"), _("Without one, nobody can tell what the campaign caused.")
        )
    else:
        people = _("%(number)s people stay out of every channel, so that the effect can be told") % {
            "number": split.control
        }
        yield Check(
            "ok",
            _("Control group of %(percent)s %%") % {"percent": f"{campaign.control_percent:.1f}".removesuffix(".0")},
            people,
        )


def refuse_errors(checks: list[Check]) -> list[Check]:
    """Return the checks, or raise UserError naming what stops the campaign."""
    stops = [check for check in checks if check.level == "error"]
    if stops:
        raise UserError(" ".join(f"{check.title}. {check.detail}".strip() for check in stops))
    return checks

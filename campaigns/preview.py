"""What a customer will see: the text filled for a few real members, masked where a screen may not show more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import User
from campaigns import audience, checks, content, lint, members
from campaigns.models import Campaign
from customers.models import Customer
from marketing.lib.errors import UserError


@dataclass(frozen=True)
class Screen:
    """One phone: whose it is, the message in pieces, and what it is billed as."""

    customer: Customer
    gender: str
    years: int | None
    signature: str
    pieces: list[content.Piece]
    opt_out: str
    length: int
    parts: int


@dataclass(frozen=True)
class Preview:
    """A text as checked: the phones, the longest message, the findings and the price for the segment as saved."""

    screens: list[Screen]
    widest: content.Parts | None
    findings: list[lint.Finding]
    people: int
    per_part: Decimal
    problem: str = ""

    @property
    def errors(self) -> list[lint.Finding]:
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def warnings(self) -> list[lint.Finding]:
        return [finding for finding in self.findings if finding.level == "warning"]

    @property
    def cost(self) -> Decimal:
        return content.cost(self.people * (self.widest.count if self.widest else 0), self.per_part)


def of(*, campaign: Campaign, text: str, user: User, at: datetime, turn: int = 0) -> Preview:
    """Check and fill a text that need not be saved; what cannot be shown yet is said in `problem`."""
    policy = audience.policy_of("sms")
    held = checks.wording(campaign, policy)
    found = checks.findings(campaign, text, held)
    people = (campaign.audience.size or 0) if campaign.audience else 0
    if any(finding.code == "placeholder" for finding in found):
        return Preview([], None, found, people, policy.price_per_part)
    problem, screens = "", []
    try:
        held = checks.wording(campaign, policy, _longest(campaign, text))
        screens = _screens(campaign, text, held, user, at, turn)
    except UserError as error:
        problem = str(error)
    widest = checks.widest(text, held) if text.strip() else None
    if screens and widest and (more := lint.parts_warning(_usual(screens, held), widest)):
        found = [*found, more]
    return Preview(screens, widest, found, people, policy.price_per_part, problem)


def _longest(campaign: Campaign, text: str) -> dict[str, str]:
    if campaign.audience is None:
        return {}
    return members.longest_values(members.of_version(campaign.audience), members.attributes_of([text]))


def _usual(screens: list[Screen], held: lint.Wording) -> content.Parts:
    longest = max(screens, key=lambda screen: screen.length)
    whole = longest.signature + "".join(piece.text for piece in longest.pieces) + longest.opt_out
    return content.sms_parts(whole, held.profile)


def _screens(campaign: Campaign, text: str, held: lint.Wording, user: User, at: datetime, turn: int) -> list[Screen]:
    chosen = audience.samples(campaign=campaign, at=at, text=text, turn=turn)
    people = Customer.objects.visible_to(user).select_related("branch").in_bulk([m.customer_id for m in chosen])
    product = campaign.product.name_zh if campaign.product else ""
    screens = []
    for member in chosen:
        customer = people.get(member.customer_id)
        if customer is None:
            continue
        address = content.salutation(customer.name, member.gender)
        fixed = content.built_in_values(salutation=address, annual_rate=held.annual_rate, product=product)
        try:
            pieces = content.filled(text, member.facts | fixed)
        except content.MissingValue:
            continue  # the findings say which name nothing stands behind
        screens.append(_screen(customer, member, pieces, held))
    return screens


def _screen(customer: Customer, member: audience.Member, pieces: list[content.Piece], held: lint.Wording) -> Screen:
    body = "".join(piece.text for piece in pieces)
    whole = content.compose(held.signature, body, held.opt_out)
    signature = whole[: whole.index(body)] if body else ""
    cut = content.sms_parts(whole, held.profile)
    return Screen(
        customer=customer,
        gender=member.gender,
        years=member.years,
        signature=signature,
        pieces=pieces,
        opt_out=whole[len(signature) + len(body) :],
        length=cut.length,
        parts=cut.count,
    )

"""How the states of messages are shown: words, colours, order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from delivery.models import MessageState
from delivery.progress import Line, Progress

REASONS: dict[str, str | Promise] = {
    "contact_cap": _("Contact cap reached"),
    "suppressed": _("Opted out or suppressed"),
    "no_consent": _("No marketing consent"),
    "no_phone": _("No valid phone"),
    "not_target": _("Not among the treated"),
    "missing_value": _("A value for the text is missing"),
    "unreadable": _("Name or phone cannot be read"),
    "quiet_hours": _("Quiet hours"),
    "too_late": _("Past its time"),
    "campaign_over": _("The campaign has ended"),
    "never_arrived": _("Never arrived at the gateway, goes again"),
    "worker_lost": _("The sender stopped half-way"),
    "timeout": _("No answer in time"),
    "connection_lost": _("The connection broke"),
    "no_connection": _("The gateway could not be reached"),
    "unreachable": _("Phone out of reach"),
    "number_off": _("Number not in service"),
    "blacklisted": _("On the gateway's blacklist"),
    "operator_blocked": _("Blocked by the carrier"),
    "busy": _("The gateway was busy"),
    "held_up": _("The sender was held up"),
}

COLOURS = {
    MessageState.DELIVERED: "c1",
    MessageState.ACCEPTED: "c5",
    MessageState.SUBMITTING: "c3",
    MessageState.FAILED: "bad-solid",
    MessageState.UNKNOWN: "c4",
    MessageState.PLANNED: "c-baseline",
    MessageState.HELD: "warn-solid",
    MessageState.EXCLUDED: "c6",
    MessageState.EXPIRED: "c-control",
    MessageState.CANCELLED: "c-control",
}


def reason_word(code: str) -> str | Promise:
    """Return what a reason is called; a gateway's own code is shown as it is."""
    return REASONS.get(code, code)


@dataclass(frozen=True)
class Row:
    """A row of the table of states, and its stretch of the bar."""

    state: str
    reason: str
    word: str
    reason_word: str
    colour: str
    count: int
    share: float

    @property
    def width(self) -> str:
        """Return the share as a width in percent, in the spelling of a style sheet."""
        return f"{self.share * 100:.3f}"


def rows(progress: Progress) -> list[Row]:
    """Return the rows of a run's split, in the order of reading."""
    return [_row(line, progress.total) for line in progress.lines]


def _row(line: Line, total: int) -> Row:
    state = MessageState(line.state)
    return Row(
        state=line.state,
        reason=line.reason,
        word=str(state.label),
        reason_word=str(reason_word(line.reason)),
        colour=COLOURS[state],
        count=line.count,
        share=line.count / total if total else 0,
    )


def choices(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """Return the states that occur, for a filter."""
    return [(state, str(MessageState(state).label)) for state in dict.fromkeys(line.state for line in lines)]

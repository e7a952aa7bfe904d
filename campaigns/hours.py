"""When a message may go out: not in the past, not in quiet hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from campaigns.models import ContactPolicy
from marketing.lib import days
from marketing.lib.errors import UserError


def refuse_past(when: datetime | None, *, at: datetime) -> None:
    """Raise UserError for a time that has gone by; None, a start by hand, always passes."""
    if when is not None and when <= at:
        clock = f"{days.local(when):%Y-%m-%d %H:%M}"
        sentence = _("%(time)s has already passed. Choose a later time.") % {"time": clock}
        raise UserError(sentence, fields={"scheduled_at": sentence})


def first_sending(when: datetime, policy: ContactPolicy) -> datetime:
    """Return the instant at which a message due at `when` may go out: at once, or when quiet hours end."""
    clock = days.local(when).time()
    if policy.open_from <= clock < policy.open_until:
        return when
    day = days.day_of(when) + timedelta(days=clock >= policy.open_until)
    return days.at_bank(day, policy.open_from)

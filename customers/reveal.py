"""Showing a phone number in full: a right, with a reason, and a line in the audit trail."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from customers.models import Customer
from marketing.lib.errors import UserError

REASONS = ("call", "complaint", "identity", "correction")


def reveal(*, customer: Customer, reason: str, by: User, at: datetime) -> str:
    """Return the phone number in full and record who looked and why; the number itself is not recorded."""
    require(by, "customers.reveal")
    if reason not in REASONS:
        raise UserError(_("Say why you need the number."), fields={"reason": _("Choose a reason.")})
    with transaction.atomic():
        audit.record(action="customer.reveal", by=by, at=at, on=customer, detail={"reason": reason})
    return customer.phone.removeprefix("+86")

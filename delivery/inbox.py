"""Replies that are no stop word wait for a person, who has done with them or takes them for an opt-out."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from delivery import receipts
from delivery.models import Inbound
from marketing.lib.errors import MoveRefused


@transaction.atomic
def handle(*, inbound: Inbound, by: User, at: datetime) -> Inbound:
    """Mark a reply as dealt with."""
    require(by, "delivery.inbox")
    current = _close(inbound, by, at)
    audit.record(action="delivery.reply_handled", by=by, at=at, detail={"reply": current.pk})
    return current


@transaction.atomic
def opt_out(*, inbound: Inbound, by: User, at: datetime) -> int:
    """Take a reply in free words for an opt-out: everybody behind the number is suppressed on the reply's channel.

    Returns how many messages that had not left were taken back.
    """
    require(by, "delivery.inbox")
    require(by, "customers.suppress")
    current = _close(inbound, by, at)
    Inbound.objects.filter(pk=current.pk).update(action="stop")
    return receipts.suppress(
        phones=[bytes(current.phone_index)], channel=current.gateway.channel, reason="reply", by=by, at=at
    )


def _close(inbound: Inbound, by: User, at: datetime) -> Inbound:
    """Close a waiting reply that the person may see, once."""
    found = Inbound.objects.visible_to(by).select_related("gateway").get(pk=inbound.pk)
    closed = Inbound.objects.waiting().filter(pk=found.pk).update(handled_by=by, handled_at=at)
    if closed != 1:
        raise MoveRefused(_("Somebody has dealt with this reply already. Reload the page."))
    return found

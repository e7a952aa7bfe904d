"""Set up ways out, and open or shut them."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from customers.models import Channel
from delivery.models import Gateway
from marketing.lib import crypto
from marketing.lib.errors import MoveRefused, UserError

SANDBOX = "sandbox"


@transaction.atomic
def sandbox_gateway(*, by: User, at: datetime) -> Gateway:
    """Make or renew the sandbox's row: its address from the settings, secret and callback path made once."""
    require(by, "delivery.gateways")
    if not settings.DEMO:
        raise UserError(_("The sandbox gateway exists in the demo only."))
    old = Gateway.objects.filter(code=SANDBOX).first()
    fields = {"name": "Sandbox", "channel": Channel.SMS, "kind": "http", "url": settings.SANDBOX_URL, "is_active": True}
    if old is None:
        fields |= {"secret_sealed": crypto.encrypt(secrets.token_urlsafe(32), field="gateway.secret")}
        fields |= {"callback_path": secrets.token_urlsafe(24), "batch_size": 500, "per_second": 2000}
    gateway, made = Gateway.objects.update_or_create(code=SANDBOX, defaults=fields)
    audit.record(action="gateway.sandbox", by=by, at=at, on=gateway, detail={"url": gateway.url, "made": made})
    return gateway


@transaction.atomic
def switch(*, gateway: Gateway, active: bool, by: User, at: datetime) -> Gateway:
    """Open or shut a way out by hand; what is due waits while it is shut. Opening also ends the breaker's pause."""
    require(by, "delivery.gateways")
    healthy = {"failures": 0, "closed_until": None} if active else {}
    moved = Gateway.objects.filter(pk=gateway.pk, is_active=not active).update(is_active=active, **healthy)
    if moved != 1:
        raise MoveRefused(_("The gateway has been switched already. Reload the page."))
    audit.record(action="gateway.open" if active else "gateway.shut", by=by, at=at, on=gateway)
    return Gateway.objects.get(pk=gateway.pk)

"""Set up ways out: the demo's sandbox."""

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
from marketing.lib.errors import UserError

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

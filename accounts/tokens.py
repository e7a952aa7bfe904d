"""Keys for programs: shown once, stored as a digest, bounded by their owner's roles, expiring."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from accounts import audit
from accounts.models import ApiToken, User

LIFETIME = timedelta(days=90)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@transaction.atomic
def issue(*, user: User, name: str, at: datetime) -> tuple[ApiToken, str]:
    """Make a token for oneself; returns the row and the secret, which cannot be shown again."""
    secret = "mk_" + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=secret[:8], digest=_digest(secret), created_at=at, expires_at=at + LIFETIME
    )
    audit.record(action="accounts.token_issue", by=user, at=at, on=user, detail={"token": token.prefix, "name": name})
    return token, secret


@transaction.atomic
def revoke(*, token: ApiToken, by: User, at: datetime) -> None:
    """End a token of one's own."""
    if ApiToken.objects.filter(pk=token.pk, user=by, revoked_at=None).update(revoked_at=at):
        audit.record(action="accounts.token_revoke", by=by, at=at, on=by, detail={"token": token.prefix})


def owner(secret: str, *, at: datetime) -> User | None:
    """Return whose token this is, or None when it is unknown, revoked or expired; remembers the hour of use."""
    live = ApiToken.objects.filter(digest=_digest(secret), revoked_at=None, expires_at__gt=at, user__is_active=True)
    token = live.select_related("user").first()
    if token is None:
        return None
    if token.last_used_at is None or at - token.last_used_at > timedelta(minutes=5):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
    return token.user

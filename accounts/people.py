"""Grant and take roles, open and close accounts."""

from datetime import datetime

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Role, RoleGrant, User
from accounts.permissions import require
from marketing.lib.errors import UserError


@transaction.atomic
def grant(*, user: User, role: str, by: User | None, at: datetime) -> None:
    """Give the user a role; `by` None is the installation itself."""
    if by is not None:
        require(by, "users.edit")
        if by == user:
            raise UserError(_("Nobody changes their own roles. Ask another administrator."))
    _grant, created = RoleGrant.objects.get_or_create(
        user=user, role=Role(role), defaults={"granted_by": by, "granted_at": at}
    )
    if created:
        user.__dict__.pop("roles", None)
        audit.record(action="accounts.grant", by=by, at=at, on=user, detail={"role": role})


@transaction.atomic
def revoke(*, user: User, role: str, by: User, at: datetime) -> None:
    """Take a role away; it counts from the user's next click."""
    require(by, "users.edit")
    if by == user:
        raise UserError(_("Nobody changes their own roles. Ask another administrator."))
    removed, _rows = RoleGrant.objects.filter(user=user, role=role).delete()
    if removed:
        user.__dict__.pop("roles", None)
        audit.record(action="accounts.revoke", by=by, at=at, on=user, detail={"role": role})


@transaction.atomic
def set_active(*, user: User, active: bool, by: User, at: datetime) -> None:
    """Open or close an account; closing it ends the user's sessions and tokens at once."""
    require(by, "users.edit")
    if by == user:
        raise UserError(_("Nobody closes their own account. Ask another administrator."))
    if User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
        if not active:
            user.tokens.filter(revoked_at=None).update(revoked_at=at)
            _end_sessions(user)
        audit.record(action="accounts.open" if active else "accounts.close", by=by, at=at, on=user)


def _end_sessions(user: User) -> None:
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


def refuse_demo_users() -> None:
    """Stop a production start on a database in which people of the demo bank could still sign in."""
    if settings.DEMO:
        return
    names = User.objects.filter(is_demo=True, is_active=True).order_by("username").values_list("username", flat=True)
    if names:
        raise ImproperlyConfigured(f"This database has demo users ({', '.join(names[:3])}, …): close or remove them.")

"""Which role may do what: one table, asked by pages, API and verbs alike."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.utils.translation import gettext as _

from accounts.models import Role, User
from accounts.requests import StaffRequest

M, MG, BM, RM = Role.MARKETER, Role.MANAGER, Role.BRANCH_MANAGER, Role.RM
AN, CO, AU, AD = Role.ANALYST, Role.COMPLIANCE, Role.AUDITOR, Role.ADMIN
EVERYONE = frozenset(Role)
View = Callable[..., HttpResponseBase]

PERMISSIONS: dict[str, frozenset[str]] = {
    "today.view": EVERYONE,
    "customers.view": EVERYONE,
    "customers.reveal": frozenset({BM, RM, CO}),
    "customers.suppress": frozenset({MG, BM, RM, CO}),
    "feeds.view": frozenset({M, MG, AN, CO, AU, AD}),
    "feeds.load": frozenset({AN, AD}),
    "segments.view": frozenset({M, MG, AN, CO, AU, AD}),
    "segments.edit": frozenset({M, MG, AN}),
    "campaigns.view": frozenset({M, MG, AN, CO, AU, AD}),
    "campaigns.edit": frozenset({M, MG}),
    "campaigns.approve": frozenset({MG}),
    "campaigns.control": frozenset({M, MG}),
    "campaigns.policy": frozenset({CO}),
    "delivery.view": frozenset({M, MG, AN, CO, AU, AD}),
    "delivery.gateways": frozenset({AD}),
    "delivery.inbox": frozenset({M, MG, CO, AD}),
    "reports.view": frozenset({M, MG, AN, CO, AU, AD}),
    "reports.export": frozenset({MG, AN, CO, AU}),
    "audit.view": frozenset({CO, AU, AD}),
    "settings.view": frozenset({MG, CO, AU, AD}),
    "users.edit": frozenset({AD}),
    "tokens.own": EVERYONE,
}


def has(user: Any, permission: str) -> bool:
    """Return whether one of the user's roles carries the permission; unknown names are a programming error."""
    holders = PERMISSIONS[permission]
    return bool(getattr(user, "is_authenticated", False) and user.is_active and user.roles & holders)


def require(user: User, permission: str) -> None:
    """Raise PermissionDenied with a sentence unless the user holds the permission."""
    if not has(user, permission):
        raise PermissionDenied(_("Your role does not allow this. Ask your department manager or an administrator."))


def permission(name: str) -> Callable[[View], View]:
    """Guard a view: signed in, and holding the permission, else 403."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            require(request.user, name)
            return view(request, *args, **kwargs)

        guarded.permission = name  # type: ignore[attr-defined]  # read by the permission table test
        return guarded

    return guard

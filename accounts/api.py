"""How a program signs in: Authorization: Bearer <token>."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import permissions, tokens
from accounts.models import User
from marketing.lib import days

if TYPE_CHECKING:  # the views load this module while they are being loaded themselves
    from rest_framework.views import APIView


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, None] | None:
        kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret:
            return None
        user = tokens.owner(secret.strip(), at=days.now())
        if user is None:
            raise AuthenticationFailed(_("The token is unknown, revoked or expired. Issue a new one under your name."))
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def holds(permission: str) -> type[BasePermission]:
    """Return a DRF permission class that asks the same table as the pages."""

    class Holds(BasePermission):
        def has_permission(self, request: Request, view: "APIView") -> bool:
            return permissions.has(request.user, permission)

    Holds.__name__ = f"Holds_{permission.replace('.', '_')}"
    return Holds

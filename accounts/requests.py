"""The request of somebody who is signed in, as every page but the sign-in receives it."""

from django.http import HttpRequest

from accounts.models import User


class StaffRequest(HttpRequest):
    """Only for type checkers: LoginRequiredMiddleware lets nobody else through."""

    user: User

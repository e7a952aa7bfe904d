"""Slow down guessing: five failures for a name within fifteen minutes close the door for fifteen minutes.

Counted per name and address in the audit's neighbour table, not in a cache that each process has for itself.
"""

from datetime import datetime, timedelta

from accounts.models import SignInFailure

WINDOW = timedelta(minutes=15)
MOST = 5


def is_closed(*, username: str, address: str, at: datetime) -> bool:
    """Return whether this name was tried too often from this address lately."""
    recent = SignInFailure.objects.filter(username=username[:64], address=address, at__gt=at - WINDOW)
    return recent.count() >= MOST


def failed(*, username: str, address: str, at: datetime) -> None:
    """Remember a failure and forget those outside the window."""
    SignInFailure.objects.filter(at__lt=at - WINDOW).delete()
    SignInFailure.objects.create(username=username[:64], address=address, at=at)

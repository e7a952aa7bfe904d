"""When each part of the system was last seen alive."""

from datetime import datetime, timedelta

from jobs.models import Heartbeat

LATE_AFTER = timedelta(seconds=45)


def beat(name: str, *, at: datetime) -> None:
    """Record that the part is alive."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


def is_alive(name: str, *, at: datetime) -> bool:
    """Return whether the part was seen within the last 45 seconds."""
    return Heartbeat.objects.filter(name=name, at__gt=at - LATE_AFTER).exists()

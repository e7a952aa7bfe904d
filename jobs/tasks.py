"""Wake-ups of the jobs room."""

from celery import shared_task

from jobs import heart, work
from marketing.lib import days


@shared_task
def beat() -> None:
    """Sent by beat, run by a worker: when it arrives, both are alive."""
    heart.beat("beat", at=days.now())
    heart.beat("worker", at=days.now())


@shared_task
def sweep() -> None:
    work.sweep(at=days.now())

"""Wake-ups of the warehouse room."""

from celery import shared_task

from jobs import work
from marketing.lib import days
from warehouse import imports, store


@shared_task
def run_feed(job_id: int) -> None:
    work.run(job_id, imports.perform)


@shared_task
def sweep() -> None:
    """Remove partition files that nobody reads any more, and uploaded files that nobody started."""
    store.sweep(at=days.now())
    imports.tidy(at=days.now())

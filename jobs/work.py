"""Do long work once, show how far it is, stop when asked, survive a lost worker.

A job row is the truth; the Celery message carries its id only. An advisory lock of the database marks who is
working: it goes with the worker's connection, so a killed worker's job can be taken up again and a task that was
delivered twice finds the lock taken.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from celery import current_app
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from jobs.models import Job, JobState
from marketing.lib import days
from marketing.lib.errors import UserError

log = logging.getLogger(__name__)

JOB_LOCK = 0x6A6F6273  # "jobs": first half of the two-part advisory lock, the job's id is the second
SILENT_FOR = timedelta(seconds=30)


class Cancelled(Exception):
    """Somebody asked the work to stop; raise it out of the work function unchanged."""


class Progress:
    """Say how far the work is; written at most twice a second, and the place where a cancel is noticed."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._written = 0.0

    def __call__(self, done: int, total: int | None = None) -> None:
        """Record the count; raises Cancelled when somebody asked for it. Call outside transactions."""
        finished = total is not None and done >= total
        if time.monotonic() - self._written < 0.5 and not finished:
            return
        self._written = time.monotonic()
        fields = {"done": done, "seen_alive_at": days.now()} | ({} if total is None else {"total": total})
        Job.objects.filter(pk=self.job.pk).update(**fields)
        if Job.objects.filter(pk=self.job.pk, cancel_requested=True).exists():
            raise Cancelled


def enqueue(*, task: str, argument: int, label: str, by: User | None, at: datetime, url: str = "") -> Job:
    """Write the job down and ring the worker after the commit; the sweep rings again if that is lost."""
    job = Job.objects.create(task=task, argument=argument, label=label[:200], owner=by, created_at=at, url=url)
    transaction.on_commit(partial(ring, job))
    return job


def ring(job: Job) -> None:
    """Wake a worker up for the job; a broker that is away is no error, the sweep tries again."""
    try:
        current_app.send_task(job.task, [job.pk], retry=False)
    except Exception:  # every transport raises its own
        log.warning("job %s waits: the broker does not answer", job.pk)


def run(job_id: int, work: Callable[[Job, Progress], None]) -> None:
    """Run the work of a job unless another worker is at it or it is over; record how it ended."""
    if not _lock(job_id):
        return
    try:
        job = Job.objects.filter(pk=job_id).first()
        if job is not None and job.is_unfinished:
            _work(job, work)
    finally:
        _unlock(job_id)


def _work(job: Job, work: Callable[[Job, Progress], None]) -> None:
    now = days.now()
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, started_at=now, seen_alive_at=now)
    try:
        if job.cancel_requested:
            raise Cancelled
        work(job, Progress(job))
    except Cancelled:
        _finish(job, JobState.CANCELLED)
    except UserError as error:
        _finish(job, JobState.FAILED, error=str(error))
    except Exception:
        log.exception("job %s failed", job.pk)
        _finish(job, JobState.FAILED, error=_("Something went wrong on our side. Nothing was changed; try again."))
    else:
        _finish(job, JobState.DONE)


def _finish(job: Job, state: str, error: str = "") -> None:
    Job.objects.filter(pk=job.pk).update(state=state, error=error, finished_at=days.now(), seen_alive_at=days.now())


def cancel(*, job: Job, by: User) -> None:
    """Ask the work to stop at its next step; work that has not begun is over at once."""
    mine = Job.objects.visible_to(by).unfinished().filter(pk=job.pk)
    mine.filter(state=JobState.QUEUED).update(state=JobState.CANCELLED, finished_at=days.now(), cancel_requested=True)
    mine.update(cancel_requested=True)


def sweep(*, at: datetime) -> int:
    """Ring again for work that nobody seems to be at; returns how many. The lock makes a needless ring harmless."""
    silent = Q(seen_alive_at=None, created_at__lt=at - SILENT_FOR) | Q(seen_alive_at__lt=at - SILENT_FOR)
    forgotten = list(Job.objects.unfinished().filter(silent))
    for job in forgotten:
        ring(job)
    return len(forgotten)


def _lock(job_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [JOB_LOCK, job_id])
        return bool(cursor.fetchone()[0])


def _unlock(job_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [JOB_LOCK, job_id])

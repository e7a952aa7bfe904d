"""A feed's verbs: take a file in, say what its columns mean, start it, and do the work."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from jobs import work as jobs
from jobs.models import Job, JobState
from marketing.lib import days
from marketing.lib.errors import MoveRefused, UserError
from warehouse import running
from warehouse.feeds import KINDS, mapping, reading
from warehouse.models import Feed, FeedKind, FeedRun, FeedRunState

TASK = "warehouse.tasks.run_feed"
SHOWN = 5
KEPT_UNSTARTED = timedelta(days=3)  # an uploaded file holds names and phones in the clear


def kind_of(name: str) -> Any:
    """Return the kind of feed, or say that there is none of this name."""
    if name not in KINDS:
        raise UserError(_("There is no feed of the kind “%(kind)s”.") % {"kind": name})
    return KINDS[name]


def upload(*, file: BinaryIO | Path, name: str, kind: str, by: User | None, at: datetime) -> FeedRun:
    """Keep a file in a private folder, look at what it is, and guess what its columns mean.

    Raises UserError, with nothing kept, for a file that cannot be read.
    """
    feed_kind = kind_of(kind)
    if by is not None:
        require(by, feed_kind.permission)
    run = FeedRun.objects.create(kind=kind, file_name=Path(name).name[:200], uploaded_by=by, uploaded_at=at)
    try:
        _keep(run, file)
        _understand(run, feed_kind)
    except BaseException:
        _forget(run)
        FeedRun.objects.filter(pk=run.pk).delete()
        raise
    audit.record(action="feed.upload", by=by, at=at, on=run, detail={"kind": kind, "sha256": run.sha256})
    return run


def _keep(run: FeedRun, file: BinaryIO | Path) -> None:
    folder = running.folder_of(run)
    folder.mkdir(parents=True, mode=0o700)
    target = folder / "upload"
    if isinstance(file, Path):
        reading.require_size(file.stat().st_size)
    with file.open("rb") if isinstance(file, Path) else file as source:
        run.sha256, run.size = _copy(_pieces(source), target)
    run.path = str(target.relative_to(settings.DATA_DIR))


def _pieces(source: BinaryIO) -> Iterable[bytes]:
    while piece := source.read(reading.BLOCK):
        yield piece


def _copy(pieces: Iterable[bytes], target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        target.chmod(0o600)
        for piece in pieces:
            size += len(piece)
            if size > settings.MAX_UPLOAD_BYTES:
                break
            digest.update(piece)
            out.write(piece)
    reading.require_size(size)
    return digest.hexdigest(), size


def _understand(run: FeedRun, kind: Any) -> None:
    path = running.folder_of(run) / "upload"
    layout = reading.inspect(path)
    samples = reading.sample(path, layout)
    run.mapping = remembered(run.kind, layout.columns) or mapping.guess(kind, layout, samples)
    shown = {}
    for place, name in enumerate(layout.columns):
        values = [row[place] for row in samples]
        entry = run.mapping["columns"].get(name, {})
        shown[name] = mapping.masked(kind, name, entry, [v for v in values if v][:SHOWN])
    run.layout = {"file": layout.as_json(), "samples": shown}
    run.as_of = mapping.date_in_name(run.file_name)
    run.rows_in = layout.rows
    run.save(update_fields=["sha256", "size", "path", "layout", "mapping", "as_of", "rows_in"])


def remembered(kind: str, columns: list[str]) -> dict[str, Any] | None:
    """Return the mapping that was used the last time for a file of this kind with these columns."""
    feed = Feed.objects.filter(kind=kind, mapping__header=sorted(columns)).order_by("-updated_at").first()
    return {"columns": feed.mapping["columns"]} if feed else None


def configure(
    *,
    run: FeedRun,
    mapping: dict[str, Any],
    as_of: date | None,
    by: User | None,
    at: datetime,
    trusted: bool = False,
) -> FeedRun:
    """Say what the columns mean and for which day the file is true; remember it for the next file like this one."""
    kind = kind_of(run.kind)
    if by is not None:
        require(by, kind.permission)
    layout = reading.Layout(**run.layout["file"])
    _plan(kind, mapping, layout, trusted)
    run.mapping = mapping
    run.as_of = (as_of or run.as_of or days.day_of(at)) if kind.takes_attributes else None  # others say it row by row
    run.layout = run.layout | {"trusted": trusted}
    with transaction.atomic():
        run.feed = _remember(run, layout, by, at)
        waiting = FeedRun.objects.filter(pk=run.pk, state=FeedRunState.UPLOADED)
        changed = waiting.update(mapping=run.mapping, as_of=run.as_of, layout=run.layout, feed=run.feed)
        if not changed:
            raise MoveRefused(_("This file is being loaded or has been; upload it again to load it another way."))
    return run


def _plan(kind: Any, given: dict[str, Any], layout: reading.Layout, trusted: bool) -> None:
    mapping.plan(kind, given, layout, trusted=trusted)


def _remember(run: FeedRun, layout: reading.Layout, by: User | None, at: datetime) -> Feed:
    header = sorted(layout.columns)
    about = {"header": header, "columns": run.mapping.get("columns", {})}
    feed = Feed.objects.filter(kind=run.kind, mapping__header=header).first()
    if feed is None:
        name = _free_name(f"{run.kind} – {Path(run.file_name).stem}"[:70])
        return Feed.objects.create(kind=run.kind, name=name, mapping=about, updated_at=at, updated_by=by)
    Feed.objects.filter(pk=feed.pk).update(mapping=about, updated_at=at, updated_by=by)
    return feed


def _free_name(name: str) -> str:
    number, free = 1, name
    while Feed.objects.filter(name=free).exists():
        number += 1
        free = f"{name} {number}"
    return free


def start(*, run: FeedRun, by: User | None, at: datetime) -> Job:
    """Queue the run for a worker; only a file that has not been started can be."""
    kind = kind_of(run.kind)
    if by is not None:
        require(by, kind.permission)
    with transaction.atomic():
        if not FeedRun.objects.filter(pk=run.pk, state=FeedRunState.UPLOADED).update(state=FeedRunState.QUEUED):
            raise MoveRefused(_("This file is being loaded already."))
        label = f"{FeedKind(run.kind).label} · {run.file_name}"
        job = jobs.enqueue(
            task=TASK, argument=run.pk, label=label, by=by, at=at, url=reverse("warehouse:run", args=[run.pk])
        )
        FeedRun.objects.filter(pk=run.pk).update(job=job)
        audit.record(action="feed.start", by=by, at=at, on=run, detail={"kind": run.kind, "as_of": run.as_of})
    return job


def drop(*, run: FeedRun, at: datetime) -> None:
    """Drop a file whose mapping was refused where nobody is there to correct it."""
    FeedRun.objects.filter(pk=run.pk, state=FeedRunState.UPLOADED).update(state=FeedRunState.CANCELLED, finished_at=at)
    _forget(run)


def discard(*, run: FeedRun, by: User, at: datetime) -> None:
    """Drop an uploaded file that was never started."""
    require(by, kind_of(run.kind).permission)
    with transaction.atomic():
        waiting = FeedRun.objects.filter(pk=run.pk, state=FeedRunState.UPLOADED)
        if not waiting.update(state=FeedRunState.CANCELLED, finished_at=at, path=""):
            raise MoveRefused(_("This file is being loaded already."))
        audit.record(action="feed.discard", by=by, at=at, on=run)
    _forget(run)


def cancel(*, run: FeedRun, by: User, at: datetime) -> None:
    """Stop a run that waits or is at work; nothing of it lands."""
    require(by, kind_of(run.kind).permission)
    if run.job is None or not run.job.is_unfinished:
        raise MoveRefused(_("This file has been loaded already; it cannot be stopped any more."))
    if run.job.owner_id != by.pk:
        raise MoveRefused(_("Only %(who)s, who started it, can stop it.") % {"who": run.job.owner or _("the system")})
    jobs.cancel(job=run.job, by=by)
    audit.record(action="feed.cancel", by=by, at=at, on=run)
    if Job.objects.filter(pk=run.job.pk, state=JobState.CANCELLED).exists():
        _end(run, FeedRunState.CANCELLED)


def tidy(*, at: datetime) -> int:
    """Close runs whose job is over without them, and drop files that nobody started; return how many."""
    waiting = [FeedRunState.QUEUED, FeedRunState.RUNNING]
    ended = FeedRun.objects.filter(state__in=waiting, job__state__in=[JobState.CANCELLED, JobState.FAILED])
    forgotten = FeedRun.objects.filter(state=FeedRunState.UPLOADED, uploaded_at__lt=at - KEPT_UNSTARTED)
    runs = [*ended.select_related("job"), *forgotten]
    for run in runs:
        failed = run.job is not None and run.job.state == JobState.FAILED
        _end(
            run, FeedRunState.FAILED if failed else FeedRunState.CANCELLED, run.job.error if failed and run.job else ""
        )
    return len(runs)


def perform(job: Job, progress: jobs.Progress) -> None:
    """Do the work of a job; called again after a killed worker it begins anew, and does nothing where it was done."""
    run = FeedRun.objects.get(pk=job.argument)
    carry_out(run, at=days.now(), report=progress)


def carry_out(run: FeedRun, *, at: datetime, report: running.Report) -> FeedRun:
    """Land the file and record how it ended; the uploaded file is gone afterwards, whatever happened."""
    open_states = [FeedRunState.UPLOADED, FeedRunState.QUEUED, FeedRunState.RUNNING]
    if not FeedRun.objects.filter(pk=run.pk, state__in=open_states).update(state=FeedRunState.RUNNING, started_at=at):
        return run
    try:
        running.land(run, at=at, report=report)
    except jobs.Cancelled:
        _end(run, FeedRunState.CANCELLED)
        raise
    except UserError as error:
        _end(run, FeedRunState.FAILED, str(error))
        raise
    except Exception:
        _end(run, FeedRunState.FAILED, _("Something went wrong on our side. Nothing was changed; try again."))
        raise
    _forget(run)
    run.refresh_from_db()
    if run.state == FeedRunState.FAILED:
        raise UserError(run.error)
    with suppress(jobs.Cancelled):  # asked too late: it has landed
        report(run.rows_in, run.rows_in)
    return run


def _end(run: FeedRun, state: str, error: str = "") -> None:
    FeedRun.objects.filter(pk=run.pk).update(state=state, error=error, finished_at=days.now())
    _forget(run)


def _forget(run: FeedRun) -> None:
    """Remove the uploaded file: it holds names and phones in the clear."""
    shutil.rmtree(running.folder_of(run), ignore_errors=True)
    FeedRun.objects.filter(pk=run.pk).update(path="")

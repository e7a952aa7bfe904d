"""One file from bytes to published rows: read, check, prepare outside, commit in one transaction."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from marketing.lib import days
from marketing.lib.errors import UserError
from warehouse import engine, rejects
from warehouse.feeds import KINDS, checking, lookups, mapping, reading
from warehouse.feeds.kind import Column, Kind, Landing, Prepared
from warehouse.models import FeedRun, FeedRunState

log = logging.getLogger(__name__)

LANDING_LOCK = 0x66656564  # "feed": one file lands at a time, so that none is laid over a base that moves
MEMORY = "900MB"
READ, CHECKED, PREPARED = 0.25, 0.35, 0.95  # shares of the way, for the progress bar

Report = Callable[[int, int], None]


@dataclass
class Outcome:
    """What became of the rows: rows_in = landed + rejected."""

    rows_in: int
    rejected: int
    changed: int
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    rejects_path: str = ""

    @property
    def landed(self) -> int:
        return self.rows_in - self.rejected


def land(run: FeedRun, *, at: datetime, report: Report) -> Outcome:
    """Land the run's file. Raises UserError with nothing changed; `report(done, total)` may raise Cancelled."""
    kind, layout = KINDS[run.kind], reading.Layout(**run.layout["file"])
    work = folder_of(run) / "work"
    with waiting_for_turn(report, layout.rows), private_folder(work), database(work) as db:
        same = unchanged(run)
        if same is not None:
            return _repeat(run, same, at)
        plan = mapping.plan(kind, run.mapping, layout, trusted=run.layout.get("trusted", False))
        landing = _landing(run, kind, plan, db, work, at, Steps(report, layout.rows))
        rows = _stage(landing, folder_of(run) / "upload", layout, plan)
        landing.advance(0)
        checking.collect(rows, kind, plan, landing)
        return _commit(run, kind, landing, _count(landing, run, rows))


@dataclass
class Steps:
    """Turns a share of the way into rows done, for a bar that never runs backwards."""

    report: Report
    rows: int
    start: float = READ
    span: float = PREPARED - CHECKED

    def __call__(self, share: float) -> None:
        self.report(int(self.rows * (CHECKED + self.span * share)) if share else int(self.rows * READ), self.rows)


def _landing(
    run: FeedRun,
    kind: Kind,
    plan: mapping.Plan,
    db: duckdb.DuckDBPyConnection,
    work: Path,
    at: datetime,
    advance: Callable[[float], None],
) -> Landing:
    attributes = list(plan.attributes.values())
    present = plan.present + [kind.column(name) for name in plan.make if kind.column(name)]
    if "phone" in plan.make:
        attributes.append(Column("made_up_number", "boolean", "made_up_number"))
        plan.new["made_up_number"] = {"label_zh": "测试号码", "label_en": "Made-up test number", "type": "boolean"}
    for name in {reference.lookup for reference in kind.references}:
        lookups.load(db, name, work)
    return Landing(
        db=db,
        work=work,
        present=present,  # type: ignore[arg-type]
        attributes=attributes,
        options=plan.options | {"new": plan.new},
        as_of=run.as_of or days.day_of(at),
        by=run.uploaded_by,
        at=at,
        advance=advance,
    )


def _stage(landing: Landing, upload: Path, layout: reading.Layout, plan: mapping.Plan) -> reading.Rows:
    """Read the rows the fast way; a file whose lines are not its rows is read again, carefully."""
    rows = reading.plain_rows(upload, layout, landing.work)
    zone = settings.BANK_ZONE
    try:
        checking.stage(landing.db, rows, plan, layout, zone)
        if rows.numbered or landing.one("SELECT count(*) FROM stage") == layout.rows:
            return rows
    except duckdb.Error as error:
        if rows.numbered:
            raise
        log.info("the file is read line by line: %s", type(error).__name__)
    rows = reading.numbered_rows(upload, layout, landing.work)
    checking.stage(landing.db, rows, plan, layout, zone)
    return rows


def _count(landing: Landing, run: FeedRun, rows: reading.Rows) -> Outcome:
    rejected = landing.one("SELECT count(DISTINCT line) FROM rejects")
    reasons = "SELECT reason, count(DISTINCT line) FROM rejects GROUP BY reason ORDER BY 2 DESC, 1"
    outcome = Outcome(
        rows_in=landing.one("SELECT count(*) FROM stage") + len(rows.ragged),
        rejected=rejected,
        changed=0,
        reasons=dict(landing.db.execute(reasons).fetchall()),
        warnings=_warnings(landing, KINDS[run.kind]),
    )
    if rejected:
        outcome.rejects_path = rejects.keep(landing.db, run)
    return outcome


def _warnings(landing: Landing, kind: Kind) -> dict[str, int]:
    found = {}
    for reference in kind.references:
        if reference.optional and landing.has(reference.column):
            missing = f'"{reference.column}" IS NOT NULL AND {reference.into} IS NULL'
            found[reference.reason] = landing.one(f"SELECT count(*) FROM good WHERE {missing}")
    return {reason: count for reason, count in found.items() if count}


def _commit(run: FeedRun, kind: Kind, landing: Landing, outcome: Outcome) -> Outcome:
    if not outcome.landed:
        _record(
            run, FeedRunState.FAILED, outcome, landing.at, error=_("No row could be taken; the reasons are listed.")
        )
        return outcome
    prepared = kind.prepare(landing)
    landing.advance(1)
    with transaction.atomic():
        prepared.commit()
        outcome.changed = prepared.changed
        _finish(run, prepared, outcome, landing)
    return outcome


def _finish(run: FeedRun, prepared: Prepared, outcome: Outcome, landing: Landing) -> None:
    _record(run, FeedRunState.DONE, outcome, landing.at)
    detail = {
        "kind": run.kind,
        "as_of": landing.as_of,
        "rows_in": outcome.rows_in,
        "landed": outcome.landed,
        "rejected": outcome.rejected,
        "changed": outcome.changed,
        "sha256": run.sha256,
    }
    audit.record(action="feed.land", by=run.uploaded_by, at=landing.at, on=run, detail=detail)


def _record(run: FeedRun, state: str, outcome: Outcome, at: datetime, error: str = "") -> None:
    FeedRun.objects.filter(pk=run.pk).update(
        state=state,
        rows_in=outcome.rows_in,
        rows_landed=outcome.landed,
        rows_rejected=outcome.rejected,
        rows_changed=outcome.changed,
        reject_reasons=outcome.reasons,
        rejects_path=outcome.rejects_path,
        layout=run.layout | {"warnings": outcome.warnings},
        error=error,
        finished_at=max(at, days.now()),
    )


# ------------------------------------------------------------------------------------------- the same file twice


def unchanged(run: FeedRun) -> FeedRun | None:
    """Return the run that landed the very same file the same way, if nothing it depends on has changed since."""
    done = FeedRun.objects.filter(state=FeedRunState.DONE).exclude(pk=run.pk)
    same = done.filter(kind=run.kind, sha256=run.sha256, as_of=run.as_of, mapping=run.mapping).first()
    if same is None:
        return None
    later = done.filter(kind__in=KINDS[run.kind].depends_on, rows_changed__gt=0, finished_at__gt=same.finished_at)
    return None if later.exists() else same


def _repeat(run: FeedRun, same: FeedRun, at: datetime) -> Outcome:
    """Record that the same file changes nothing; its rejects are the same too."""
    outcome = Outcome(
        rows_in=same.rows_in,
        rejected=same.rows_rejected,
        changed=0,
        reasons=same.reject_reasons,
        warnings=same.layout.get("warnings", {}),
        rejects_path=same.rejects_path,
    )
    with transaction.atomic():
        _record(run, FeedRunState.DONE, outcome, at)
        audit.record(action="feed.repeat", by=run.uploaded_by, at=at, on=run, detail={"same_as": same.pk})
    return outcome


# -------------------------------------------------------------------------------------------- turns and folders


def folder_of(run: FeedRun) -> Path:
    """Return the private folder that holds the uploaded file until the run ends."""
    return settings.DATA_DIR / "feeds" / str(run.pk)


@contextmanager
def private_folder(path: Path) -> Any:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def database(work: Path) -> Any:
    db = engine.open_database(work / "spill", memory=MEMORY)
    try:
        yield db
    finally:
        db.close()


@contextmanager
def waiting_for_turn(report: Report, total: int) -> Any:
    """Hold the lock under which files land; waiting shows as progress 0 and can be cancelled."""
    while not _try_lock():
        report(0, total)
        time.sleep(0.5)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LANDING_LOCK])


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LANDING_LOCK])
        return bool(cursor.fetchone()[0])


def require_free_space(size: int) -> None:
    """Refuse a file that the disk could not hold twice while it is read."""
    free = shutil.disk_usage(os.fspath(settings.DATA_DIR)).free
    if free < 3 * size:
        raise UserError(_("There is not enough space on the disk for this file. Ask an administrator."))

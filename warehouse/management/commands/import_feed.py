"""`manage.py import_feed KIND FILE`: the same verbs as the pages, on a terminal."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.models import User
from marketing.lib import days
from marketing.lib.errors import UserError
from warehouse import catalogue, imports, rejects
from warehouse.feeds import KINDS
from warehouse.models import FeedRun


class Command(BaseCommand):
    help = "Load a file of a bank: customers, attributes, activity, openings, consents, branches, staff or products."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--mapping", type=Path, help="JSON that says what the columns mean; guessed without it")
        parser.add_argument("--as-of", type=date.fromisoformat, help="day for which the file is true, 2026-10-31")
        parser.add_argument("--user", help="who loads it; the system itself without it")

    def handle(self, *args: Any, **options: Any) -> None:
        by = self._user(options["user"])
        try:
            run = self._load(options, by)
        except (UserError, PermissionDenied) as error:
            raise CommandError(self._sentences(error)) from error
        self._tell(run)

    def _user(self, name: str | None) -> User | None:
        if name is None:
            return None
        user = User.objects.filter(username=name, is_active=True).first()
        if user is None:
            raise CommandError(_("There is no user “%(name)s”.") % {"name": name})
        return user

    def _load(self, options: dict[str, Any], by: User | None) -> FeedRun:
        path: Path = options["file"]
        if not path.is_file():
            raise UserError(_("There is no file %(path)s.") % {"path": path})
        run = imports.upload(file=path, name=path.name, kind=options["kind"], by=by, at=days.now())
        mapping = self._mapping(options["mapping"]) or run.mapping
        try:
            imports.configure(
                run=run,
                mapping=mapping,
                as_of=options["as_of"],
                by=by,
                at=days.now(),
                trusted=options["mapping"] is not None,
            )
        except UserError:
            imports.drop(run=run, at=days.now())
            raise
        for name, entry in mapping["columns"].items():
            if entry.get("refused"):
                self.stdout.write(
                    _("Column “%(name)s” is left out. %(reason)s")
                    % {"name": name, "reason": catalogue.refusal(name) or entry["refused"]}
                )
        return imports.carry_out(run, at=days.now(), report=self._progress())

    def _mapping(self, path: Path | None) -> dict[str, Any] | None:
        if path is None:
            return None
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(_("The mapping %(path)s cannot be read as JSON.") % {"path": path}) from error

    def _progress(self) -> Any:
        last = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > 1 or done >= total:
                last = time.monotonic()
                self.stdout.write(f"  {done:,} / {total:,}")

        return report

    def _sentences(self, error: Exception) -> str:
        fields = getattr(error, "fields", {})
        return "\n".join(
            [str(error), *(f"  {name}: {text}" for name, text in fields.items() if str(text) != str(error))]
        )

    def _tell(self, run: FeedRun) -> None:
        counts = {
            "in": run.rows_in,
            "landed": run.rows_landed,
            "rejected": run.rows_rejected,
            "changed": run.rows_changed,
        }
        self.stdout.write(
            _("%(in)d rows in = %(landed)d landed + %(rejected)d rejected; %(changed)d new or changed.") % counts
        )
        for reason, count in run.reject_reasons.items():
            self.stdout.write(f"  {count:,} × {rejects.summary(reason)}")
        for reason, count in run.layout.get("warnings", {}).items():
            self.stdout.write(f"  {count:,} × {rejects.summary(reason)}")

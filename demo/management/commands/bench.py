"""Measure the rooms against the least a machine could do."""

import argparse
import json
import logging
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.bench.ground import Ground
from demo.bench.place import throwaway_place
from demo.bench.table import measured
from marketing.lib import days

LEAST_ROUNDS = 3


class Command(BaseCommand):
    """``manage.py bench --customers 100000 --only count``."""

    help = (
        "Measure each step against its floor, both in turns on the same data, and print one JSON line per row. "
        "Works in a database and a folder of its own, which are gone afterwards; progress goes to standard error."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--customers", type=int, default=100_000)
        parser.add_argument("--activity", type=float, default=0, help="rows per customer in the activity files")
        parser.add_argument(
            "--only", action="append", metavar="PREFIX", help="rows whose name begins so; may be repeated"
        )
        parser.add_argument(
            "--rounds", type=int, default=LEAST_ROUNDS, help="times each side is run; the median counts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rounds"] < LEAST_ROUNDS:
            raise CommandError(f"A median needs {LEAST_ROUNDS} rounds or more.")
        logging.getLogger("demo.bench").setLevel(logging.INFO)
        try:
            self._measure(options)
        except KeyboardInterrupt:
            self.stderr.write("Stopped; the database and the folder of the measurement are gone.")
            sys.exit(130)

    def _measure(self, options: dict[str, Any]) -> None:
        with throwaway_place() as folder:
            try:
                ground = Ground(
                    folder=folder, customers=options["customers"], activity=options["activity"], at=days.now()
                )
            except ValueError as error:
                raise CommandError(str(error)) from error
            for row in measured(ground, rounds=options["rounds"], only=options["only"] or [""]):
                self.stdout.write(json.dumps(row.as_json(), ensure_ascii=False))
                self.stdout.flush()

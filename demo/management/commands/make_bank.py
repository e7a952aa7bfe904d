"""Write the files of the demo bank into a folder."""

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.bank import Plan, write_bank


class Command(BaseCommand):
    """``manage.py make_bank --customers 20000 --seed 7 --out DIR``."""

    help = "Write the files a bank would deliver, invented from a seed, and the truth behind them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--customers", type=int, default=20_000)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--out", type=Path, required=True, help="folder, made if need be")
        parser.add_argument("--as-of", type=dt.date.fromisoformat, default=dt.date(2026, 10, 31), help="a month end")
        parser.add_argument("--months", type=int, default=14, help="how many month ends of attributes")
        parser.add_argument("--activity", type=float, default=10.0, help="rows per customer over the last three months")
        parser.add_argument("--format", choices=("csv", "parquet"), default="csv", help="of the activity files")
        parser.add_argument("--chunk", type=int, default=10_000, help="customers held in memory at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = Plan(
                customers=options["customers"],
                seed=options["seed"],
                as_of=options["as_of"],
                months=options["months"],
                activity=options["activity"],
                activity_format=options["format"],
                chunk=options["chunk"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        write_bank(plan, options["out"], self._progress)

    def _progress(self, done: int, total: int) -> None:
        self.stdout.write(f"{done:,} of {total:,} customers")

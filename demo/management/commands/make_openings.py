"""Write the openings that follow a campaign in the demo bank."""

import argparse
import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.response import OpeningRow, respond
from demo.truth import BY_CODE, CHANNELS


class Command(BaseCommand):
    """``manage.py make_openings --truth DIR --targets F --product consumer_loan --since 2026-11-02 --out F``."""

    help = "Draw who opens a product after a contact, from the truth of a demo bank; targets.csv: customer_no, arm."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--truth", type=Path, required=True, help="the folder make_bank wrote")
        parser.add_argument("--targets", type=Path, required=True)
        parser.add_argument("--product", choices=sorted(BY_CODE), required=True)
        parser.add_argument("--channel", choices=CHANNELS, default="sms")
        parser.add_argument("--since", type=dt.datetime.fromisoformat, required=True, help="bank-local day or time")
        parser.add_argument("--days", type=int, default=14)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        arms = _arms(options["targets"])
        try:
            rows = respond(
                arms["treated"],
                arms["control"],
                product=options["product"],
                channel=options["channel"],
                since=options["since"],
                days=options["days"],
                truth=options["truth"],
                seed=options["seed"],
            )
        except (ValueError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{_write(options['out'], rows)} rows in {options['out']}")


def _arms(targets: Path) -> dict[str, list[str]]:
    arms: dict[str, list[str]] = {"treated": [], "control": []}
    with targets.open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            if row.get("arm") not in arms or not (row.get("customer_no") or "").isdigit():
                raise CommandError(f"Line {line} of {targets.name} needs a customer_no and an arm, treated or control.")
            arms[row["arm"]].append(row["customer_no"])
    return arms


def _write(path: Path, rows: Iterator[OpeningRow]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(OpeningRow._fields)
        for row in rows:
            writer.writerow(["" if cell is None else cell for cell in row])
            count += 1
    return count

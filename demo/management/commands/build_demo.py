"""Build the demo bank, or bring what is there up to date; quick when there is nothing to do."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from demo import build
from marketing.lib import days


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customers", type=int, default=20_000)
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        build.build(
            folder=Path(settings.DATA_DIR) / "demo",
            customers=options["customers"],
            seed=options["seed"],
            password=os.environ.get("DEMO_PASSWORD") or "demo",
            at=days.now(),
            say=self.stdout.write,
        )

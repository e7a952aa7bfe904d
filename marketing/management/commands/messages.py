"""`manage.py messages`: compile the Chinese catalogues, add what is new, or say what is wrong with them."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketing import translations


class Command(BaseCommand):
    help = "Compile every room's Chinese catalogue that changed. --update adds new texts first, --check finds faults."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail, listing what is untranslated or wrong")
        parser.add_argument("--update", action="store_true", help="add texts that no catalogue holds yet")
        parser.add_argument("--room", help="check or update the texts of this room only")

    def handle(self, *args: Any, **options: Any) -> None:
        folders = {Path(folder).name: Path(folder) for folder in settings.LOCALE_PATHS}
        said = []
        if options["check"] or options["update"]:
            said = list(translations.texts(settings.BASE_DIR, folders))
        if options["update"]:
            self.update(said, folders, options["room"])
        written = translations.compile_stale(folders.values())
        self.stdout.write(f"{len(written)} catalogues compiled")
        if options["check"]:
            self.check_texts(said, folders, options["room"])

    def update(self, said: list[translations.Text], folders: dict[str, Path], room: str | None) -> None:
        mine = [text for text in said if room in (None, text.room)]
        for name, count in translations.add_missing(mine, folders).items():
            self.stdout.write(f"{name}: {count} new texts to translate")

    def check_texts(self, said: list[translations.Text], folders: dict[str, Path], room: str | None) -> None:
        faults = translations.faults(said, folders)
        if room:
            prefixes = (f"{room}:", f"{room}/", f"templates/{room}/", f"{room} and ")
            faults = [fault for fault in faults if fault.startswith(prefixes)]
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError(f"{len(faults)} faults in the translations; see above.")
        self.stdout.write("Every text is translated")

"""The house's own bans, and the direction in which data moves (DESIGN: rooms, names, no signals)."""

import re
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [
    "accounts",
    "jobs",
    "customers",
    "warehouse",
    "segments",
    "campaigns",
    "delivery",
    "outcomes",
    "reports",
    "demo",
]
SOURCES = [p for room in ["marketing", *ROOMS] for p in sorted((ROOT / room).rglob("*.py"))]
TOP_LEVEL = {
    *ROOMS, "marketing", "templates", "static", "locale", "tests", "docs", "manage.py", "run.py", "README.md",
    "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "package.json", "package-lock.json",
    "requirements.in", "requirements.txt", "requirements-dev.in", "requirements-dev.txt", ".ci", ".gitignore", ".npmrc",
}  # fmt: skip
BANS = {
    r"@receiver|\.connect\(\s*\w+_handler": "no signals",
    r"(?<![\w.])print\(": "no print; log it or write to the command's stdout",
    r"now\(\)\.date\(\)|date\.today\(\)": "a day is decided in marketing.lib.days",
    r"countdown=|\beta=": "due times are columns, the broker is a doorbell",
    r"\.extra\(|RawSQL\(": "no raw fragments in querysets",
    r"import pickle|pickle\.loads": "no pickle",
}


@pytest.mark.parametrize("pattern", BANS)
def test_what_the_house_bans_is_nowhere(pattern):
    allowed = {"marketing/lib/days.py"}
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        if str(path.relative_to(ROOT)) not in allowed and "migrations" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == [], BANS[pattern]


def test_no_file_is_named_for_nothing():
    bad = {"utils.py", "helpers.py", "common.py", "misc.py", "core.py", "signals.py"}
    assert [p for p in SOURCES if p.name in bad] == []


def test_the_top_level_holds_what_the_design_names():
    tracked = {line.split("/")[0] for line in git_files()}
    assert tracked - TOP_LEVEL == set()


def git_files() -> list[str]:
    import subprocess

    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_tables_point_left_only():
    order = {room: place for place, room in enumerate(ROOMS)}
    wrong = [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for model in apps.get_models()
        if model._meta.app_label in order
        for field in model._meta.get_fields()
        if field.many_to_one or (field.one_to_one and not field.auto_created)
        if order.get(field.related_model._meta.app_label, -1) > order[model._meta.app_label]
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "module", ["segments/rules.py", "campaigns/content.py", "campaigns/status.py", "outcomes/lift.py"]
)
def test_arithmetic_knows_no_tables(module):
    text = (ROOT / module).read_text()
    assert re.findall(r"^(?:from|import) (?:django\.db|\w+\.models)\b.*$", text, re.M) == []


def test_migrations_import_no_rooms():
    pattern = re.compile(rf"^(from|import) ({'|'.join(ROOMS)})\b(?!\.models\b)", re.M)
    wrong = [
        p for p in SOURCES if "migrations" in p.parts and pattern.search(p.read_text()) and p.name != "0001_initial.py"
    ]
    assert wrong == []


def test_every_recorded_action_has_a_word():
    from accounts.actions import ACTIONS

    recorded = {m for p in SOURCES for m in re.findall(r'action="([a-z_]+\.[a-z_]+)"', p.read_text())}
    assert recorded - set(ACTIONS) == set()


def test_the_tests_that_hold_the_rules_exist():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/rules.md").read_text()))
    written = {
        name for p in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", p.read_text())
    }
    assert named and named - written == set()


def test_the_readmes_pictures_exist():
    shown = re.findall(r"\((docs/images/[^)]+)\)", (ROOT / "README.md").read_text())
    assert shown and [picture for picture in shown if not (ROOT / picture).exists()] == []

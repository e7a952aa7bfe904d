"""A production start on a default or unsafe setting is refused, and says which."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from marketing import environment
from marketing.lib.keys import parse_field_keys

ROOT = Path(__file__).resolve().parents[2]
KEYS = (
    "index=" + "aWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWk=" + ",k1=" + "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
)
GOOD = {
    "DATABASE_URL": "postgresql://app:secret@db.bank.example/marketing",
    "BROKER_URL": "redis://broker.bank.example/0",
    "SECRET_KEY": "q8Xv2LmN5pRt7WzB4cFh9JkD3sGy6aEu1oViTbQnMxZrPdKwHf",
    "FIELD_KEYS": KEYS,
    "ALLOWED_HOSTS": "marketing.bank.example",
}


def start(**changed: str | None) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    code = "from django.conf import settings; settings.DATABASES; print('started', settings.SECURE_SSL_REDIRECT)"
    env |= {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "marketing.settings"}
    return subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_a_complete_environment_starts():
    assert start().stdout.strip() == "started True"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        *[({name: None}, name) for name in ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "FIELD_KEYS", "ALLOWED_HOSTS")],
        ({"SECRET_KEY": "django-insecure-" + "a1b2c3" * 10}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DEBUG": "1"}, "DEBUG"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"FIELD_KEYS": "index=abc,k1=def"}, "FIELD_KEYS"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL"),
        ({"DEBUG": "yes"}, "DEBUG"),
    ],
)
def test_what_is_missing_or_unsafe_is_named(changed, named):
    refused = start(**changed)
    assert refused.returncode != 0
    assert f"ImproperlyConfigured: {named}" in refused.stderr


def test_field_keys_name_the_wrong_part():
    with pytest.raises(ImproperlyConfigured, match="k1"):
        parse_field_keys("index=aWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWk=,k1=c2hvcnQ=")
    with pytest.raises(ImproperlyConfigured, match="at least k1"):
        parse_field_keys("index=aWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWk=")


def test_every_variable_is_described_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [v.name for v in environment.VARIABLES if f"`{v.name}`" not in readme] == []

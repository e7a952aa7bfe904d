"""Read every environment variable once, and refuse to run a bank on defaults."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Variable:
    name: str
    default: str | None
    meaning: str


VARIABLES = (
    Variable("DEMO", "", "1 runs the demo bank: demo users, sandbox gateway, no HTTPS; never set it in production"),
    Variable("DEBUG", "", "1 shows tracebacks; the application refuses it unless DEMO is 1"),
    Variable("DATABASE_URL", None, "PostgreSQL, as postgresql://user:password@host:port/name"),
    Variable("BROKER_URL", None, "Redis (redis://…) or RabbitMQ (amqp://…) that wakes the workers"),
    Variable("WAREHOUSE_URL", "", "where facts live: a folder of Parquet files; empty means DATA_DIR/warehouse"),
    Variable("SECRET_KEY", None, "signs sessions and tokens; 50 random characters or more"),
    Variable(
        "FIELD_KEYS", None, "index=<32 bytes, base64>,k1=<32 bytes, base64>; the last key encrypts, older ones decrypt"
    ),
    Variable("ALLOWED_HOSTS", "", "host names, separated by commas, under which the application answers"),
    Variable("DATA_DIR", "var", "uploads, rejects and the warehouse folder"),
    Variable("BANK_ZONE", "Asia/Shanghai", "the bank's time zone: decides what a day is"),
    Variable("BANK_NAME_ZH", "江州银行", "the bank's name in Chinese"),
    Variable("BANK_NAME_EN", "Jiangzhou Bank", "the bank's name in English"),
    Variable("SANDBOX_URL", "http://127.0.0.1:8901", "address of the sandbox gateway in the demo"),
    Variable("GATEWAY_HOSTS", "", "hosts (or host:port) that may be called to send; empty in the demo: this machine"),
    Variable("MAX_UPLOAD_MB", "2048", "largest file a feed accepts, in megabytes"),
    Variable("LOG_LEVEL", "INFO", "level of the application's log"),
)


def read(name: str) -> str:
    """Return the variable's value or its default; say which one is missing where it has none."""
    variable = next(v for v in VARIABLES if v.name == name)
    value = os.environ.get(name, "")
    if value:
        return value
    if variable.default is None:
        raise ImproperlyConfigured(f"{name} is not set: {variable.meaning}.")
    return variable.default


def flag(name: str) -> bool:
    """Return whether the variable is 1; anything but 0, 1 and empty is refused."""
    value = read(name)
    if value not in ("", "0", "1"):
        raise ImproperlyConfigured(f"{name} is {value!r}; use 1 or 0.")
    return value == "1"


def database(url: str) -> dict[str, object]:
    """Return Django's database settings for a postgresql:// URL (a socket folder may stand in ?host=)."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://; other databases are not supported.")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "OPTIONS": query,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }


def refuse_unsafe(*, demo: bool, debug: bool, secret_key: str, allowed_hosts: list[str]) -> None:
    """Stop a production start that would run on demo or default settings, and say which."""
    if demo:
        return
    if debug:
        raise ImproperlyConfigured("DEBUG=1 is refused: it shows secrets to anyone who meets an error.")
    if len(secret_key) < 50 or len(set(secret_key)) < 10 or "insecure" in secret_key:
        raise ImproperlyConfigured("SECRET_KEY is a default or too short: use 50 random characters or more.")
    if not allowed_hosts or "*" in allowed_hosts:
        raise ImproperlyConfigured("ALLOWED_HOSTS is empty or '*': name the hosts under which the application answers.")


def folder(text: str, base: Path) -> Path:
    """Return the folder as an absolute path; relative ones start at the project's root."""
    path = Path(text).expanduser()
    return path if path.is_absolute() else base / path

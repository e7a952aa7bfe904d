"""Where a phone number or a name could have been left behind: logs, every table, the warehouse, the broker."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import redis
from django.conf import settings
from django.db import connection

PHONE = re.compile(r"(?=(1[3-9]\d{9}))")  # overlapping: a number inside a longer run of digits counts too

BINARY = re.compile(r"\\x((?:[0-9a-f]{2})+)")


class Traces:
    """What is looked for: the phones of the data in their national form, and the names."""

    def __init__(self, phones: Iterable[str], names: Iterable[str] = ()) -> None:
        self.phones = {phone.removeprefix("+86") for phone in phones}
        self.names = [name for name in names if name]
        assert self.phones and all(re.fullmatch(r"1[3-9]\d{9}", phone) for phone in self.phones)

    def found(self, text: str) -> list[str]:
        """Return what of it stands in the text."""
        numbers = [number for number in PHONE.findall(text) if number in self.phones]
        return numbers[:3] + [name for name in self.names if name in text][:3]

    def everywhere(self, log: str) -> dict[str, list[str]]:
        """Return what stands where; empty when nothing was left behind anywhere."""
        places = [("log", log), *tables(), *warehouse_files(), *broker()]
        return {place: found for place, text in places if (found := self.found(text))}


def tables() -> Iterator[tuple[str, str]]:
    """Yield every table with all its rows as text, and what its binary columns hold as characters."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows = "\n".join(row[0] for row in cursor.fetchall())
            yield table, rows + BINARY.sub(lambda hex: f"|{bytes.fromhex(hex[1]).decode('utf-8', 'ignore')}|", rows)


def warehouse_files() -> Iterator[tuple[str, str]]:
    """Yield every file of the warehouse, as it lies there and, where it is Parquet, unpacked as text."""
    files = [file for file in Path(settings.WAREHOUSE_URL).rglob("*") if file.is_file()]
    assert files, "nothing was published"
    for file in files:
        yield str(file), file.read_bytes().decode("latin-1") + file.read_bytes().decode("utf-8", "ignore")
        if file.suffix == ".parquet":
            with duckdb.connect() as db:
                columns = db.read_parquet(str(file)).columns
                texts = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in columns)
                rows = db.sql(f"SELECT concat_ws('|', {texts}) FROM read_parquet('{file}')").fetchall()
            yield f"{file} (rows)", "\n".join(columns) + "\n" + "\n".join(row[0] or "" for row in rows)


def broker() -> Iterator[tuple[str, str]]:
    """Yield what the broker holds, messages unpacked."""
    for key, value in broker_values():
        yield f"broker {key}", value + unpacked(value)


def broker_values() -> Iterator[tuple[str, str]]:
    address, _, options = os.environ["BROKER_URL"].partition("?")
    database = options.partition("virtual_host=")[2] or "0"
    with redis.Redis.from_url(re.sub(r"^redis\+socket://", "unix://", address), db=int(database)) as server:
        for key in server.scan_iter():
            read = {
                b"list": lambda k: server.lrange(k, 0, -1),
                b"hash": lambda k: [*server.hgetall(k), *server.hgetall(k).values()],
                b"set": server.smembers,
                b"zset": lambda k: server.zrange(k, 0, -1),
                b"string": lambda k: [server.get(k)],
            }[server.type(key)]
            for value in read(key):
                yield key.decode(), value.decode("utf-8", "replace")


def unpacked(value: str) -> str:
    """Return the body of a Celery message as text, nothing for what is none."""
    try:
        return base64.b64decode(json.loads(value)["body"]).decode()
    except (ValueError, KeyError, TypeError):
        return ""

"""The embedded servers: real ones, started and stopped here."""

import os
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest

from marketing import server_account
from marketing.embedded import Postgres, Valkey, throwaway
from marketing.processes import NotReady


@pytest.fixture
def postgres(tmp_path: Path) -> Postgres:
    return Postgres(tmp_path / "postgres", log=tmp_path / "postgres.log", throwaway=True)


def test_data_survives_a_restart(postgres: Postgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("create table kept as select '江州' as word")
    postgres.stop()
    postgres.start()
    try:
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("select word from kept").fetchall() == [("江州",)]
    finally:
        postgres.stop()
    assert not postgres.alive()


def test_data_of_another_major_version_is_refused_and_left_alone(postgres: Postgres) -> None:
    postgres.data.mkdir()
    (postgres.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(NotReady, match="belongs to PostgreSQL 12"):
        postgres.start()
    assert [file.name for file in postgres.data.iterdir()] == ["PG_VERSION"]


def test_a_first_start_that_was_cut_off_is_done_again(postgres: Postgres) -> None:
    unfinished = postgres.data.with_name("postgres.new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    postgres.start()
    postgres.stop()
    assert postgres.data.exists() and not unfinished.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")
def test_root_without_namespaces_reaches_data_below_its_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_account, "IN_NAMESPACE", ["false"])
    server_account.unprivileged.cache_clear()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    try:
        postgres = Postgres(closed / "postgres", log=closed / "postgres.log", throwaway=True)
        postgres.start()
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        postgres.stop()
        assert postgres.data.stat().st_uid == server_account.NOBODY
    finally:
        server_account.unprivileged.cache_clear()


def test_valkey_keeps_its_queue_over_a_restart(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey", log=tmp_path / "valkey.log")
    valkey.start()
    assert said(valkey, "SET", "queue", "one") == b"+OK\r\n"
    valkey.stop()
    valkey.start()
    try:
        assert said(valkey, "GET", "queue") == b"$3\r\none\r\n"
    finally:
        valkey.stop()


def said(valkey: Valkey, *words: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(valkey.socket))
        client.sendall((" ".join(words) + "\r\n").encode())
        return client.recv(100)


def test_a_throwaway_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with throwaway(home) as env:
        with psycopg.connect(env["DATABASE_URL"]) as connection:
            assert connection.execute("show fsync").fetchone() == ("off",)
        sockets = Path(env["BROKER_URL"].removeprefix("redis+socket://")).parent
        assert sockets.exists()
    assert not home.exists() and not sockets.exists()
    assert str(home) not in subprocess.run(["ps", "-ax", "-o", "args"], capture_output=True, text=True).stdout

"""What /healthz says when a part is gone, and that it says no more than that."""

from datetime import timedelta

import pytest

from jobs.models import Heartbeat
from reports import health
from tests.conftest import NOW
from warehouse.models import Partition


@pytest.fixture
def alive(db):
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, at=NOW - timedelta(seconds=5))


def test_everything_is_well(alive):
    assert set(health.check(at=NOW).values()) == {"ok"}


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_a_part_that_stopped_beating_is_late(alive, part):
    Heartbeat.objects.filter(name=part).update(at=NOW - timedelta(seconds=61))
    found = health.check(at=NOW)
    assert found.pop(part) == "late"
    assert set(found.values()) == {"ok"}


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_a_part_that_never_started_is_an_error(alive, part):
    Heartbeat.objects.filter(name=part).delete()
    assert health.check(at=NOW)[part] == "error"


def test_a_broker_that_is_gone_is_an_error(alive, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert health.check(at=NOW)["broker"] == "error"


def test_a_warehouse_whose_file_is_gone_is_an_error(alive):
    Partition.objects.create(
        dataset="attributes", key="as_of=2026-10-31", path="gone.parquet", rows=1, bytes=1, sha256="", published_at=NOW
    )
    assert health.check(at=NOW)["warehouse"] == "error"


def test_a_database_that_is_gone_is_an_error(alive, monkeypatch):
    def gone():
        raise OSError("could not connect to 10.1.2.3 as marketing")

    monkeypatch.setattr(health, "database", gone)
    assert health.check(at=NOW)["database"] == "error"


def test_it_answers_without_a_sign_in(db, client):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "error",
        "database": "ok",
        "broker": "ok",
        "worker": "error",
        "beat": "error",
        "warehouse": "ok",
    }


def test_it_is_200_when_everything_is_well(alive, client, time_machine):
    time_machine.move_to(NOW, tick=False)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer["Cache-Control"] == "no-store"


def test_it_tells_an_attacker_nothing(db, client, settings):
    settings.CELERY_BROKER_URL = "redis://secret@127.0.0.1:1/0"
    text = client.get("/healthz").content.decode()
    assert "secret" not in text
    assert "127.0.0.1" not in text
    assert set(client.get("/healthz").json().values()) <= {"ok", "late", "error"}

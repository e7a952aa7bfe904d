"""Long work is done once, shows its progress, stops when asked, and is found again when it was lost."""

from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection

from jobs import work
from jobs.models import Job, JobState
from marketing.lib.errors import UserError
from tests.conftest import NOW


@pytest.fixture
def job(cast):
    return Job.objects.create(
        task="warehouse.tasks.run_feed", argument=1, label="客户.csv", owner=cast.analyst, created_at=NOW
    )


def test_finished_work_says_how_far_it_came(job):
    work.run(job.pk, lambda job, progress: progress(10, 10))
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.percent) == (JobState.DONE, 10, 10, 100)


def test_it_is_not_done_twice(job):
    calls = []
    for _ in range(2):
        work.run(job.pk, lambda job, progress: calls.append(1))
    assert calls == [1]


def test_a_failure_keeps_its_sentence(job):
    def fail(job, progress):
        raise UserError("The file is empty.")

    work.run(job.pk, fail)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.FAILED, "The file is empty.")


def test_an_accident_tells_no_secrets(job):
    def crash(job, progress):
        raise RuntimeError("phone 14212341234")

    work.run(job.pk, crash)
    job.refresh_from_db()
    assert job.state == JobState.FAILED and "142" not in job.error


def test_a_cancel_is_noticed_at_the_next_step(job, cast):
    def long(job, progress):
        work.cancel(job=job, by=cast.analyst)
        progress(1, 1)
        raise AssertionError("went on")

    work.run(job.pk, long)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_only_the_owner_cancels(job, cast):
    work.cancel(job=job, by=cast.manager)
    job.refresh_from_db()
    assert job.state == JobState.QUEUED and not job.cancel_requested


@pytest.mark.django_db(transaction=True)
def test_a_task_delivered_twice_finds_the_first_at_work(job):
    begun, go_on, calls = Event(), Event(), []

    def slow(job, progress):
        calls.append(1)
        begun.set()
        go_on.wait(10)

    def first():
        work.run(job.pk, slow)
        connection.close()

    thread = Thread(target=first)
    thread.start()
    assert begun.wait(10)
    work.run(job.pk, slow)
    go_on.set()
    thread.join()
    assert calls == [1]


def test_silent_work_is_rung_for_again(job, monkeypatch):
    rung = []
    monkeypatch.setattr(work, "ring", lambda job: rung.append(job.pk))
    assert work.sweep(at=NOW + timedelta(seconds=10)) == 0
    assert work.sweep(at=NOW + timedelta(seconds=31)) == 1
    assert rung == [job.pk]


def test_a_broker_that_is_away_loses_nothing(cast, settings, django_capture_on_commit_callbacks, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(work.current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        job = work.enqueue(task="warehouse.tasks.run_feed", argument=1, label="x", by=cast.analyst, at=NOW)
    assert Job.objects.get(pk=job.pk).state == JobState.QUEUED
    assert work.sweep(at=NOW + timedelta(minutes=1)) == 1  # found again, whenever the broker is back

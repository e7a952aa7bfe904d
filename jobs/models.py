"""Long work that shows its progress, can be cancelled, and rings a bell when it ends."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class JobState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> JobQuerySet:
        """Return the user's own jobs."""
        return self.filter(owner=user)

    def unfinished(self) -> JobQuerySet:
        return self.filter(state__in=[JobState.QUEUED, JobState.RUNNING])


class Job(models.Model):
    task = models.CharField(max_length=80, help_text="dotted name of the Celery task that does the work")
    label = models.CharField(max_length=200)
    owner = models.ForeignKey(User, models.CASCADE, null=True)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.QUEUED)
    argument = models.BigIntegerField(help_text="id of the row the work is about")
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    error = models.TextField(blank=True)
    url = models.CharField(max_length=200, blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    seen_alive_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            # the sweep looks for forgotten work every half minute
            models.Index(
                fields=["state", "seen_alive_at"],
                name="job_unfinished",
                condition=models.Q(state__in=["queued", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.label}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    def per_second(self) -> float:
        """Return how fast it went so far; 0 before it can be known."""
        if not self.started_at or not self.seen_alive_at:
            return 0.0
        seconds = (self.seen_alive_at - self.started_at).total_seconds()
        return self.done / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        rate = self.per_second()
        return (self.total - self.done) / rate if rate and self.total else None


class Heartbeat(models.Model):
    """When a part of the system was last seen alive (worker, beat)."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

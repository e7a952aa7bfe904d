"""Which customers: a segment, its immutable rule versions, its frozen snapshots."""

from __future__ import annotations

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from accounts.models import Department, User
from warehouse.models import Partition


class SegmentQuerySet(models.QuerySet["Segment"]):
    def visible_to(self, user: User) -> SegmentQuerySet:
        """Return the department's own segments; every one to bank-wide roles; none to branch staff."""
        if user.is_bank_wide:
            return self
        return self.filter(department_id=user.department_id) if user.department_id else self.none()

    def in_use(self) -> SegmentQuerySet:
        return self.filter(archived_at=None)

    def matching(self, text: str) -> SegmentQuerySet:
        """Find by a part of the name, the note or the owner's name."""
        text = text.strip()
        return self.filter(Q(name__icontains=text) | Q(note__icontains=text) | Q(owner__display_name__icontains=text))

    def with_latest(self) -> SegmentQuerySet:
        """Add the newest version's number, size, date of data and instant as `latest_number` and so on."""
        newest = Version.objects.filter(segment=OuterRef("pk")).order_by("-number")
        return self.annotate(
            latest_number=Subquery(newest.values("number")[:1]),
            latest_size=Subquery(newest.values("size")[:1]),
            latest_as_of=Subquery(newest.values("as_of")[:1]),
            latest_at=Subquery(newest.values("created_at")[:1]),
        )

    def of_size(self, low: int, high: int | None) -> SegmentQuerySet:
        """Return those whose newest version had `low` to below `high` members; after `with_latest`."""
        above = Q(latest_size__gte=low)
        return self.filter(above if high is None else above & Q(latest_size__lt=high))


class Segment(models.Model):
    name = models.CharField(max_length=80)
    note = models.CharField(max_length=300, blank=True)
    department = models.ForeignKey(Department, models.PROTECT)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "name"], condition=models.Q(archived_at=None), name="segment_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def latest(self) -> Version | None:
        return self.versions.order_by("-number").first()


class Version(models.Model):
    """A rule as it stood when it was saved; never changed."""

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="versions")
    number = models.IntegerField()
    rule = models.JSONField()
    rule_hash = models.CharField(max_length=64)
    size = models.BigIntegerField(null=True, help_text="members when it was saved")
    as_of = models.DateField(null=True, help_text="date of the data behind the size")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return f"{self.segment} v{self.number}"


class Snapshot(models.Model):
    """The members of a version at one moment: a published partition of customer ids, hashed."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="snapshots")
    as_of = models.DateField()
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    partition = models.OneToOneField(Partition, models.PROTECT, null=True)
    frozen_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    frozen_at = models.DateTimeField()

    class Meta:
        ordering = ["-frozen_at"]

    def __str__(self) -> str:
        return f"{self.version} {self.as_of}"

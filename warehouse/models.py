"""What data there is: published partitions, the catalogue of attributes, the feeds that bring them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Department, User
from jobs.models import Job
from marketing.lib.labels import in_language


class Dataset(models.TextChoices):
    """The kinds of facts; each is a folder of Parquet partitions. Not a table: the list is part of the code."""

    ATTRIBUTES = "attributes", _("Attributes")
    ACTIVITY = "activity", _("Activity")
    MEMBERS = "members", _("Segment members")


class PartitionQuerySet(models.QuerySet["Partition"]):
    def published(self, dataset: str) -> PartitionQuerySet:
        """Return the partitions that readers see."""
        return self.filter(dataset=dataset, replaced_at=None)


class Partition(models.Model):
    """One immutable Parquet file that readers see from `published_at` until it is replaced."""

    dataset = models.CharField(max_length=20, choices=Dataset.choices)
    key = models.CharField(max_length=60, help_text="as_of=2026-10-31, month=2026-10, snapshot=7")
    path = models.CharField(max_length=200, unique=True, help_text="relative to the warehouse folder")
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    schema = models.JSONField(default=dict)
    published_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    objects = PartitionQuerySet.as_manager()

    class Meta:
        ordering = ["dataset", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "key"], condition=Q(replaced_at=None), name="one_published_partition"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset}/{self.key}"


class AttributeType(models.TextChoices):
    NUMBER = "number", _("Number")
    MONEY = "money", _("Money")
    TEXT = "text", _("Text")
    CHOICE = "choice", _("Choice")
    BOOLEAN = "boolean", _("Yes / no")
    DATE = "date", _("Date")


class Sensitivity(models.TextChoices):
    NORMAL = "normal", _("Normal")
    SENSITIVE = "sensitive", _("Sensitive")
    BEHAVIOURAL = "behavioural", _("Behavioural")


class AttributeQuerySet(models.QuerySet["Attribute"]):
    def in_use(self) -> AttributeQuerySet:
        return self.filter(retired_at=None)


class Attribute(models.Model):
    """A column a person may use in rules and texts; the rule builder is generated from it."""

    key = models.SlugField(max_length=60, unique=True)
    label_zh = models.CharField(max_length=80)
    label_en = models.CharField(max_length=80, blank=True)
    group_zh = models.CharField(max_length=40, blank=True)
    group_en = models.CharField(max_length=40, blank=True)
    type = models.CharField(max_length=10, choices=AttributeType.choices)
    unit = models.CharField(max_length=20, blank=True)
    choices = models.JSONField(
        default=list, help_text='[{"value": "student", "label_zh": "学生", "label_en": "Student"}]'
    )
    sensitivity = models.CharField(max_length=12, choices=Sensitivity.choices, default=Sensitivity.NORMAL)
    allowed_in_text = models.BooleanField(default=False, help_text="may be written into a message")
    owner = models.ForeignKey(Department, models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    objects = AttributeQuerySet.as_manager()

    class Meta:
        ordering = ["group_zh", "id"]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return in_language(self.label_zh, self.label_en)

    @property
    def group(self) -> str:
        return in_language(self.group_zh, self.group_en)


class FeedKind(models.TextChoices):
    CUSTOMERS = "customers", _("Customers")
    ATTRIBUTES = "attributes", _("Month-end attributes")
    ACTIVITY = "activity", _("Activity")
    OPENINGS = "openings", _("Openings")
    CONSENTS = "consents", _("Consents")
    BRANCHES = "branches", _("Branches")
    STAFF = "staff", _("Staff")
    PRODUCTS = "products", _("Products")


class Feed(models.Model):
    """How files of one kind are read: which of their columns means what. One feed per kind and layout."""

    kind = models.CharField(max_length=12, choices=FeedKind.choices)
    name = models.CharField(max_length=80, unique=True)
    mapping = models.JSONField(default=dict, help_text='{"column": {"to": "number"}, …}')
    updated_at = models.DateTimeField()
    updated_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name


class FeedRunState(models.TextChoices):
    UPLOADED = "uploaded", _("Uploaded")
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class FeedRun(models.Model):
    """One file, from upload to landing: rows in = rows landed + rows rejected."""

    kind = models.CharField(max_length=12, choices=FeedKind.choices)
    feed = models.ForeignKey(Feed, models.PROTECT, null=True, related_name="runs")
    state = models.CharField(max_length=12, choices=FeedRunState.choices, default=FeedRunState.UPLOADED)
    file_name = models.CharField(max_length=200)
    path = models.CharField(max_length=300, blank=True, help_text="relative to DATA_DIR; removed when the run ends")
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    layout = models.JSONField(
        default=dict, help_text="what was detected: format, encoding, columns, types, samples masked"
    )
    mapping = models.JSONField(default=dict)
    as_of = models.DateField(null=True)
    rows_in = models.BigIntegerField(default=0)
    rows_landed = models.BigIntegerField(default=0)
    rows_rejected = models.BigIntegerField(default=0)
    rows_changed = models.BigIntegerField(default=0, help_text="landed rows that were new or different")
    reject_reasons = models.JSONField(default=dict, help_text="{reason: count}")
    rejects_path = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True)
    uploaded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-uploaded_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.file_name}"

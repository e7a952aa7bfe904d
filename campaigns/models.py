"""The plan: whom, what, when, who signed, and who was chosen, kept out or left as control."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Department, User
from customers.models import Channel, Customer, Product
from segments.models import Snapshot, Version


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    REJECTED = "rejected", _("Returned")
    APPROVED = "approved", _("Approved")
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


class ContactPolicy(models.Model):
    """The bank's rules and wording per channel; part of what an approval binds."""

    channel = models.CharField(max_length=8, choices=Channel.choices, unique=True)
    signature = models.CharField(max_length=20, help_text="between 【】, added before the text")
    opt_out_text = models.CharField(max_length=40, help_text="added behind the text, e.g. 拒收请回复R")
    length_profile = models.CharField(max_length=4, choices=[("cn", _("Domestic")), ("gsm", _("GSM"))], default="cn")
    price_per_part = models.DecimalField(max_digits=8, decimal_places=4)
    open_from = models.TimeField(help_text="bank time from which marketing may be sent")
    open_until = models.TimeField(help_text="bank time at which quiet hours begin")
    cap_contacts = models.IntegerField(help_text="most contacts to a customer over all channels within cap_days")
    cap_days = models.IntegerField()
    minimum_age = models.IntegerField(default=18)
    updated_at = models.DateTimeField()
    updated_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return self.channel


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def visible_to(self, user: User) -> CampaignQuerySet:
        """Return the department's own campaigns; every one to bank-wide roles; none to branch staff."""
        if user.is_bank_wide:
            return self
        return self.filter(department_id=user.department_id) if user.department_id else self.none()

    def due(self, at: datetime) -> CampaignQuerySet:
        """Return what should have started by the instant; without a time of its own, what was released by hand."""
        return self.filter(Q(scheduled_at__lte=at) | Q(scheduled_at=None), state=CampaignState.SCHEDULED)

    def live(self) -> CampaignQuerySet:
        return self.filter(state__in=[CampaignState.RUNNING, CampaignState.PAUSED])


class Campaign(models.Model):
    name = models.CharField(max_length=80)
    department = models.ForeignKey(Department, models.PROTECT)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    state = models.CharField(max_length=12, choices=CampaignState.choices, default=CampaignState.DRAFT)
    product = models.ForeignKey(Product, models.PROTECT, null=True)
    audience = models.ForeignKey(Version, models.PROTECT, null=True, related_name="campaigns")
    control_percent = models.DecimalField(
        max_digits=4, decimal_places=1, default=10, validators=[MinValueValidator(0), MaxValueValidator(50)]
    )
    goal_days = models.IntegerField(default=14, validators=[MinValueValidator(1), MaxValueValidator(180)])
    budget = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    size_tolerance_percent = models.IntegerField(
        default=10, help_text="how far the audience may drift from what was approved"
    )
    approved_size = models.BigIntegerField(null=True)
    scheduled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    launched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["-changed_at"]
        indexes = [
            models.Index(
                fields=["scheduled_at"], name="campaign_due", condition=Q(state="scheduled")
            ),  # asked every 5 s
            models.Index(fields=["department", "state"], name="campaign_of_department"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(control_percent__gte=0, control_percent__lte=50), name="control_share_sane"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Step(models.Model):
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="steps")
    number = models.IntegerField(default=1)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.SMS)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="step_number_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.number}"


class Variant(models.Model):
    step = models.ForeignKey(Step, models.CASCADE, related_name="variants")
    label = models.CharField(max_length=1, default="A")
    text = models.TextField(blank=True, max_length=500)

    class Meta:
        ordering = ["label"]
        constraints = [models.UniqueConstraint(fields=["step", "label"], name="variant_label_once")]

    def __str__(self) -> str:
        return f"{self.step} {self.label}"


class Decision(models.TextChoices):
    PENDING = "pending", pgettext_lazy("approval", "Waiting")
    APPROVED = "approved", _("Approved")
    RETURNED = "returned", _("Returned")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    VOIDED = "voided", _("Voided by a change")


class Approval(models.Model):
    """One submission and what became of it; binds the hash of everything that goes out."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approvals")
    content = models.JSONField(help_text="what was submitted: texts, rule, schedule, offer, policy, budget")
    content_hash = models.CharField(max_length=64)
    expected = models.JSONField(
        default=dict, help_text="treated, control, excluded by reason, parts, cost at submission"
    )
    submitted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.PENDING)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-submitted_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign"], condition=Q(decision="pending"), name="one_pending_approval"),
            models.CheckConstraint(
                condition=~Q(decided_by=models.F("submitted_by"), decision="approved"), name="four_eyes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.decision}"


class Run(models.Model):
    """One execution: the frozen snapshot, the seed of the control draw, the sums that must add up."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="runs")
    number = models.IntegerField(default=1)
    approval = models.ForeignKey(Approval, models.PROTECT)
    snapshot = models.ForeignKey(Snapshot, models.PROTECT)
    seed = models.BigIntegerField()
    audience = models.BigIntegerField(default=0)
    treated = models.BigIntegerField(default=0)
    control = models.BigIntegerField(default=0)
    excluded = models.JSONField(default=dict, help_text="{reason: count}; audience = treated + control + their sum")
    frozen_at = models.DateTimeField()
    planned_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-frozen_at"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="run_number_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} #{self.number}"


class Arm(models.TextChoices):
    TREATED = "treated", _("Treated")
    CONTROL = "control", _("Control group")
    EXCLUDED = "excluded", _("Excluded")


class Reason(models.TextChoices):
    """Why a member of the segment is not contacted, in the order in which they are checked."""

    NO_CUSTOMER = "no_customer", _("No longer in the register")
    SUPPRESSED = "suppressed", _("Opted out or suppressed")
    NO_CONSENT = "no_consent", _("No marketing consent")
    NO_PHONE = "no_phone", _("No valid phone")
    UNDER_AGE = "under_age", _("Under age or age unknown")
    STUDENT = "student", _("Student, credit product")
    MISSING_VALUE = "missing_value", _("A value for the text is missing")


class Target(models.Model):
    """One member of the audience and where they went; never changed after the freeze."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="targets")
    customer = models.ForeignKey(Customer, models.DO_NOTHING, db_constraint=False)
    arm = models.CharField(max_length=8, choices=Arm.choices)
    reason = models.CharField(max_length=16, blank=True)
    variant = models.ForeignKey(Variant, models.PROTECT, null=True)
    facts = models.JSONField(
        default=dict, help_text="values for the text, as of the snapshot's date; no name, no phone"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "customer"], name="target_once")]
        indexes = [models.Index(fields=["run", "arm", "reason"], name="target_by_arm")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.customer_id}"

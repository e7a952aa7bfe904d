"""The send: one ledger row per contact attempt, before anything leaves."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.models import Campaign, Run, Step, Variant
from customers.models import Channel, Customer
from marketing.lib import crypto


class Gateway(models.Model):
    """A way out of the bank. Health is kept here so that every worker sees it."""

    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    kind = models.CharField(max_length=20, default="http")  # a file of delivery/gateways/
    url = models.URLField()
    secret_sealed = models.BinaryField()
    callback_path = models.CharField(max_length=40, unique=True, help_text="unguessable part of the receipts' address")
    batch_size = models.IntegerField(default=100)
    per_second = models.IntegerField(default=500, help_text="most messages per second")
    timeout_seconds = models.IntegerField(default=10)
    is_active = models.BooleanField(default=True)
    failures = models.IntegerField(default=0, help_text="refusals and unknown answers in a row")
    closed_until = models.DateTimeField(null=True, help_text="the breaker: nothing is sent before")
    paced_until = models.DateTimeField(
        null=True, help_text="slots up to here are given away: all workers share per_second"
    )
    last_ok_at = models.DateTimeField(null=True)
    last_receipt_at = models.DateTimeField(null=True, help_text="silence here is an alarm while messages wait")
    last_error = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class MessageState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    HELD = "held", _("Held")
    SUBMITTING = "submitting", _("Submitting")
    UNKNOWN = "unknown", _("Unknown, reconciling")
    ACCEPTED = "accepted", _("Accepted")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    EXCLUDED = "excluded", _("Excluded")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_STATES = (MessageState.PLANNED, MessageState.HELD)
# What a customer has been or may still be reached by: the states that fill a slot of the contact cap.
CONTACT_STATES = (*OPEN_STATES, "submitting", "unknown", "accepted", "delivered")


class Batch(models.Model):
    """Messages that leave in one call; the unit of a claim."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="batches")
    step = models.ForeignKey(Step, models.PROTECT)
    gateway = models.ForeignKey(Gateway, models.PROTECT)
    size = models.IntegerField()
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # the claim takes the oldest open batch
            models.Index(fields=["due_at", "id"], name="batch_open", condition=Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.pk}"


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> MessageQuerySet:
        """Return the messages of the campaigns that the user may see."""
        return self.filter(campaign__in=Campaign.objects.visible_to(user))

    def in_state(self, state: str, reason: str = "") -> MessageQuerySet:
        """Return the messages in the state, and with the reason where one is named."""
        found = self.filter(state=state)
        return found.filter(reason=reason) if reason else found


class Message(models.Model):
    """The ledger: every contact attempt, unique per run, step and customer."""

    # Every state a message passes through is written into each index of this, the largest table: a foreign key has an
    # index of its own only where a query needs one that no other index begins with.
    run = models.ForeignKey(Run, models.CASCADE, related_name="messages", db_index=False)
    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="messages")
    step = models.ForeignKey(Step, models.PROTECT, db_index=False)
    variant = models.ForeignKey(Variant, models.PROTECT, db_index=False)
    customer = models.ForeignKey(Customer, models.DO_NOTHING, db_constraint=False, db_index=False)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, related_name="messages", db_index=False)
    state = models.CharField(max_length=10, choices=MessageState.choices, default=MessageState.PLANNED)
    reason = models.CharField(max_length=30, blank=True)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    parts = models.SmallIntegerField(null=True, help_text="billed parts of the text as sent")
    provider_id = models.CharField(max_length=64, blank=True)
    submitted_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True, help_text="delivered, failed or known not to go out")
    absent_at = models.DateTimeField(null=True, help_text="when the gateway first said that it never arrived")

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step", "customer"], name="one_contact")]
        indexes = [
            models.Index(fields=["batch", "state"], name="message_of_batch"),
            models.Index(fields=["customer", "due_at"], name="message_of_customer"),  # caps, customer page
            models.Index(fields=["run", "state", "reason"], name="message_by_state"),
            # reconciliation asks every few seconds for the handful in doubt among millions
            models.Index(fields=["submitted_at"], name="message_in_doubt", condition=Q(state="unknown")),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.step_id}/{self.customer_id}"


class Receipt(models.Model):
    """What a gateway said afterwards, once per event; late, foreign and repeated ones are kept and change nothing."""

    gateway = models.ForeignKey(Gateway, models.PROTECT, db_index=False)
    event_key = models.CharField(max_length=80)
    message = models.ForeignKey(Message, models.SET_NULL, null=True, db_constraint=False)
    outcome = models.CharField(max_length=12)
    code = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "event_key"], name="receipt_once")]

    def __str__(self) -> str:
        return self.event_key


class InboundQuerySet(models.QuerySet["Inbound"]):
    def visible_to(self, user: User) -> InboundQuerySet:
        """Return replies to campaigns that the user may see; those that answer no campaign, bank-wide roles only."""
        return self if user.is_bank_wide else self.filter(campaign__in=Campaign.objects.visible_to(user))

    def waiting(self) -> InboundQuerySet:
        return self.filter(action="inbox", handled_at=None)


class Inbound(models.Model):
    """A reply. Stop words suppress at once; anything else waits for a person."""

    gateway = models.ForeignKey(Gateway, models.PROTECT)
    event_key = models.CharField(max_length=80)
    phone_index = models.BinaryField(max_length=32)
    text_sealed = models.BinaryField(null=True)
    customers = models.IntegerField(default=0, help_text="customers behind the number")
    campaign = models.ForeignKey(Campaign, models.SET_NULL, null=True)
    action = models.CharField(max_length=10, choices=[("stop", _("Opted out")), ("inbox", _("For a person"))])
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    handled_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    handled_at = models.DateTimeField(null=True)

    objects = InboundQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at"]
        constraints = [models.UniqueConstraint(fields=["gateway", "event_key"], name="inbound_once")]
        indexes = [
            # the inbox and its count
            models.Index(fields=["received_at"], name="inbound_waiting", condition=Q(action="inbox", handled_at=None)),
        ]

    def __str__(self) -> str:
        return self.event_key

    @property
    def text(self) -> str:
        return crypto.decrypt(self.text_sealed, field="inbound.text") or ""

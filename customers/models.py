"""Who the customers are, what they agreed to, what they never want again, and what they took up."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, Department, Named, User
from marketing.lib import crypto


class Channel(models.TextChoices):
    SMS = "sms", _("SMS")
    PUSH = "push", _("App push")
    CALL = "call", _("Branch call")


class ProductKind(models.TextChoices):
    LOAN = "loan", _("Consumer loan")
    CARD = "card", _("Credit card")
    SERVICE = "service", _("Online banking or service")
    WEALTH = "wealth", _("Deposit or wealth")


class Product(Named):
    """Something a customer can take up; an offer of a campaign names one."""

    department = models.ForeignKey(Department, models.PROTECT)
    kind = models.CharField(max_length=12, choices=ProductKind.choices)
    annual_rate = models.CharField(
        max_length=40, blank=True, help_text="as disclosed to the customer, e.g. 3.6%起（单利）"
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]

    @property
    def is_credit(self) -> bool:
        return self.kind in (ProductKind.LOAN, ProductKind.CARD)


class CustomerQuerySet(models.QuerySet["Customer"]):
    def visible_to(self, user: User) -> CustomerQuerySet:
        """Return the customers of the user's branch for branch staff, everybody for the rest of the bank."""
        return self.filter(branch_id=user.branch_id) if user.is_branch_only else self

    def matching(self, text: str) -> CustomerQuerySet:
        """Find by exact customer number, its beginning, or an exact phone number (through the blind index)."""
        text = text.strip()
        found = Q(number__startswith=text)
        with suppress(crypto.PhoneError):
            found |= Q(phone_index=crypto.blind_index(crypto.normalise_phone(text)))
        return self.filter(found)


class Customer(models.Model):
    number = models.CharField(max_length=32, unique=True)
    name_sealed = models.BinaryField(null=True)
    phone_sealed = models.BinaryField(null=True)
    phone_index = models.BinaryField(max_length=32, null=True)
    content_index = models.BinaryField(
        max_length=16, null=True, help_text="keyed digest of what the last file said; the same again writes nothing"
    )
    branch = models.ForeignKey(Branch, models.PROTECT, null=True)
    rm = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        indexes = [
            models.Index(fields=["phone_index"], name="customer_by_phone"),  # a reply arrives with a phone only
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def name(self) -> str:
        return crypto.decrypt(self.name_sealed, field="customer.name") or ""

    @property
    def phone(self) -> str:
        return crypto.decrypt(self.phone_sealed, field="customer.phone") or ""

    @property
    def masked_name(self) -> str:
        return crypto.mask_name(self.name)

    @property
    def masked_phone(self) -> str:
        return crypto.mask_phone(self.phone)


class ConsentQuerySet(models.QuerySet["Consent"]):
    def current(self) -> ConsentQuerySet:
        return self.filter(replaced_at=None)

    def allowing(self, *, channel: str, at: datetime) -> ConsentQuerySet:
        """Return what allows marketing over the channel at the instant."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=at)
        return self.current().filter(unexpired, channel=channel, granted=True, given_at__lte=at)


class Consent(models.Model):
    """What a customer agreed to or refused, and the evidence; a newer answer replaces an older one, both stay."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    granted = models.BooleanField()
    source = models.CharField(max_length=40)
    text_version = models.CharField(max_length=40, blank=True)
    given_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "channel"], condition=Q(replaced_at=None), name="one_current_consent"
            ),
            # imports of the same file add nothing
            models.UniqueConstraint(
                fields=["customer", "channel", "given_at", "granted"], name="one_consent_per_answer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.channel} {self.granted}"


class Suppression(models.Model):
    """A customer's "never again" on a channel: for ever, across campaigns, signatures and re-imports."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    reason = models.CharField(max_length=40)  # reply, complaint, staff, gateway
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "channel"], name="one_suppression_per_channel")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.channel}"


class OpeningStage(models.TextChoices):
    APPLIED = "applied", _("Applied")
    APPROVED = "approved", _("Approved by the bank")
    OPENED = "opened", _("Opened")


class Opening(models.Model):
    """A product taken up, stage by stage, as the bank's core system reports it."""

    reference = models.CharField(max_length=40)
    stage = models.CharField(max_length=10, choices=OpeningStage.choices)
    customer = models.ForeignKey(Customer, models.CASCADE)
    product = models.ForeignKey(Product, models.PROTECT)
    at = models.DateTimeField()
    amount = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reference", "stage"], name="one_row_per_stage")]
        indexes = [
            models.Index(fields=["product", "stage", "at"], name="opening_of_product"),  # attribution reads by product
            models.Index(fields=["customer", "at"], name="opening_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.stage}"

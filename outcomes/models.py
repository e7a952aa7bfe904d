"""What it brought: openings of treated and control customers within the campaign's goal window."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from accounts.models import User
from campaigns.models import Arm, Campaign, Run
from customers.models import Customer, Opening


class ConversionQuerySet(models.QuerySet["Conversion"]):
    def visible_to(self, user: User) -> ConversionQuerySet:
        """Return those of the campaigns the user sees; for branch staff those of their branch's customers."""
        if user.is_branch_only:
            return self.filter(customer__branch_id=user.branch_id)
        if user.is_bank_wide:
            return self
        return self.filter(campaign__in=Campaign.objects.visible_to(user))

    def between(self, start: datetime, end: datetime) -> ConversionQuerySet:
        """Return what was opened within [start, end)."""
        return self.filter(at__gte=start, at__lt=end)


class Conversion(models.Model):
    """A customer's first opening of the campaign's product within its goal days, in whichever arm they are."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="conversions")
    run = models.ForeignKey(Run, models.CASCADE, related_name="conversions")
    customer = models.ForeignKey(Customer, models.DO_NOTHING, db_constraint=False)
    opening = models.ForeignKey(Opening, models.CASCADE)
    arm = models.CharField(max_length=8, choices=Arm.choices)
    at = models.DateTimeField()
    amount = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    recorded_at = models.DateTimeField()

    objects = ConversionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "customer"], name="one_conversion")]
        indexes = [models.Index(fields=["run", "arm", "at"], name="conversion_by_arm")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.customer_id}"

"""What it brought: openings of treated and control customers within the campaign's goal window."""

from __future__ import annotations

from django.db import models

from campaigns.models import Arm, Campaign, Run
from customers.models import Customer, Opening


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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "customer"], name="one_conversion")]
        indexes = [models.Index(fields=["run", "arm", "at"], name="conversion_by_arm")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.customer_id}"

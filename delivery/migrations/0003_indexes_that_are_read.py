"""Keep only the indexes that a query begins with, and note when a gateway last reported."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0002_frozen_targets"),
        ("customers", "0002_content_index"),
        ("delivery", "0002_pacing_and_doubt"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="gateway",
            name="last_receipt_at",
            field=models.DateTimeField(help_text="silence here is an alarm while messages wait", null=True),
        ),
        migrations.AlterField(
            model_name="message",
            name="batch",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="delivery.batch",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="customer",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                to="customers.customer",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="run",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="messages", to="campaigns.run"
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="step",
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to="campaigns.step"),
        ),
        migrations.AlterField(
            model_name="message",
            name="variant",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, to="campaigns.variant"
            ),
        ),
        migrations.AlterField(
            model_name="receipt",
            name="gateway",
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to="delivery.gateway"),
        ),
        migrations.AddIndex(
            model_name="inbound",
            index=models.Index(
                condition=models.Q(("action", "inbox"), ("handled_at", None)),
                fields=["received_at"],
                name="inbound_waiting",
            ),
        ),
    ]

"""Share the pace between workers, and remember when a gateway first denied a message."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="gateway",
            name="paced_until",
            field=models.DateTimeField(
                help_text="slots up to here are given away: all workers share per_second", null=True
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="absent_at",
            field=models.DateTimeField(help_text="when the gateway first said that it never arrived", null=True),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(condition=models.Q(state="unknown"), fields=["submitted_at"], name="message_in_doubt"),
        ),
    ]

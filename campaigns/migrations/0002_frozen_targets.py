"""Refuse to change a target: whatever was counted or sent from it must be recomputable."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER frozen BEFORE UPDATE ON campaigns_target FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = "DROP TRIGGER frozen ON campaigns_target;"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial"), ("accounts", "0002_append_only_audit")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]

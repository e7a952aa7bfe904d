"""Refuse to change a version: whatever was counted or sent from it must be recomputable."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER frozen BEFORE UPDATE ON segments_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = "DROP TRIGGER frozen ON segments_version;"


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial"), ("accounts", "0002_append_only_audit")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]

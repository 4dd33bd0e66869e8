from django.db import migrations

from applications.models import append_only


def guard_on_postgresql(apps, schema_editor):
    """On SQLite they are made after `migrate`, because no table that a trigger names can be changed: append_only.py."""
    if schema_editor.connection.vendor == "postgresql":
        append_only.keep(schema_editor.connection.alias)


def lift(apps, schema_editor):
    append_only.lift(schema_editor.connection.alias)


class Migration(migrations.Migration):

    dependencies = [
        ('applications', '0007_trusted_data'),
    ]

    operations = [
        migrations.RunPython(guard_on_postgresql, lift),
    ]

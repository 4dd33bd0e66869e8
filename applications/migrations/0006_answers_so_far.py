"""The catalogue says when students were last answered and how long that took; fill it in for what is there already."""

from statistics import median

from django.db import migrations
from django.db.models import Max, Min, Q
from django.utils import timezone

ANSWERS = ("interview", "waitlisted", "offered", "declined")  # as in workflow/moves.py when this was written
MOST_RECENT = 20


def fill_in(apps, schema_editor) -> None:
    Project, Application = apps.get_model("projects", "Project"), apps.get_model("applications", "Application")
    answers = Q(events__kind="moved", events__actor="reviewer", events__to_status__in=ANSWERS)
    for project in Project.objects.all():
        answered = (
            Application.objects.filter(project=project)
            .annotate(
                first=Min("events__created_at", filter=answers), latest=Max("events__created_at", filter=answers)
            )
            .exclude(first=None)
            .order_by("-first")
        )
        rows = list(answered.values_list("received_at", "first", "latest"))
        if not rows:
            continue
        days = [
            (timezone.localdate(first) - timezone.localdate(received)).days for received, first, _ in rows[:MOST_RECENT]
        ]
        project.last_answer_at = max(latest for _, _, latest in rows)
        project.usual_answer_days = max(round(median(days)), 0)
        project.save(update_fields=["last_answer_at", "usual_answer_days"])


class Migration(migrations.Migration):
    dependencies = [("applications", "0005_students_side"), ("projects", "0003_students_side")]
    operations = [migrations.RunPython(fill_in, migrations.RunPython.noop, elidable=True)]

"""Gives the reviews of the first version what later ones have from the start: figures, readings, what was seen."""

from django.db import migrations
from django.db.models import Avg, Count, Max, Min


def complete_reviews(apps, schema_editor):
    alias = schema_editor.connection.alias
    reviews = apps.get_model("applications", "Review").objects.using(alias)
    readings = apps.get_model("applications", "Reading").objects.using(alias)
    applications = apps.get_model("applications", "Application").objects.using(alias)
    for review in reviews.select_related("application").prefetch_related("application__documents").iterator(500):
        application = review.application
        documents = [d for d in application.documents.all() if d.replaced_at is None]
        review.seen_project_id = application.project_id
        review.seen_answers = application.answers_version
        review.seen_documents = [str(document.pk) for document in documents]
        review.save(update_fields=["seen_project", "seen_answers", "seen_documents"])
        readings.create(
            application_id=application.pk, reviewer_id=review.reviewer_id, state="read", at=review.updated_at
        )
    figures = reviews.order_by().values("application").annotate(
        number=Count("pk"), mean=Avg("rating"), most=Max("rating"), least=Min("rating")
    )
    for row in figures:
        applications.filter(pk=row["application"]).update(
            rating_count=row["number"], rating_mean=row["mean"], rating_spread=row["most"] - row["least"]
        )


class Migration(migrations.Migration):
    dependencies = [("applications", "0002_reviewing")]

    operations = [migrations.RunPython(complete_reviews, migrations.RunPython.noop)]

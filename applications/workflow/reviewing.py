"""What reviewers do before they decide: note, rate, abstain, skip, star, ask a colleague, write to the student."""

import datetime
from collections.abc import Iterable, Mapping

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Avg, Count, Max, Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from applications import letters
from applications.models import (
    Application,
    CriterionScore,
    Event,
    Letter,
    Message,
    Reading,
    Review,
    ReviewRequest,
    Star,
)
from applications.workflow.moves import Refused, begin_reading, lock, record
from projects.models import Project

# The same words by the same person within this time are a double click or a reload.
SAME_AGAIN = datetime.timedelta(minutes=10)


def note(application: Application, text: str, *, by) -> Event:
    """Keep a reviewer's note. The first one shows that reading has begun, so a received application moves on.

    The same note twice in a row is one note.
    """
    with transaction.atomic():
        application = lock(application)
        latest = application.events.filter(kind=Event.Kind.NOTE, created_at__gt=timezone.now() - SAME_AGAIN).last()
        if latest is not None and latest.text == text.strip() and latest.user_id == by.pk:
            return latest
        event = record(application, Event.Kind.NOTE, by=by, text=text.strip())
        begin_reading(application, by)
    return event


def review(
    application: Application,
    *,
    rating: int,
    comment: str = "",
    by,
    recommendation: str = "",
    scores: Mapping[int, int | None] | None = None,
    seen_answers: int | None = None,
    seen_documents: Iterable[str] | None = None,
    seen_review: datetime.datetime | None = None,
    seen_project: int | None = None,
    seen_at_all: bool = False,
) -> Review:
    """Keep a reviewer's rating (1 to 5), recommendation, comment and criteria; again replaces their own.

    `scores` holds 1 to 5 or None (not applicable) by the primary key of the criterion; criteria of other projects are
    left out. `seen_answers` and `seen_documents` (ids) say what the reviewer had before their eyes; by default what
    there is now. With `seen_at_all`, `seen_review` is the `updated_at` of one's own review as the form showed it
    (None: there was none), and Refused `changed` is raised when another tab has saved since; as it is
    when the application is not to `seen_project` any more.

    The history says that somebody rated, never how: colleagues must not read it there before they have rated.
    """
    with transaction.atomic():
        application = lock(application)
        if seen_project is not None and seen_project != application.project_id:
            raise Refused(
                "changed",
                _("The application was moved to “%(project)s” since. Save again if your rating holds for it, too.")
                % {"project": application.project.title},
            )
        own = Review.objects.filter(application=application, reviewer=by).first()
        if seen_at_all and seen_review != (own.updated_at if own else None):
            raise Refused(
                "changed",
                _("You have saved this rating in another window since. Look at it there, or save again to replace it."),
            )
        kept, is_new = Review.objects.update_or_create(
            application=application,
            reviewer=by,
            defaults={
                "rating": rating,
                "recommendation": recommendation,
                "comment": comment.strip(),
                "seen_project": application.project,
                "seen_answers": application.answers_version if seen_answers is None else seen_answers,
                "seen_documents": _ids_of_documents(application) if seen_documents is None else list(seen_documents),
                "updated_at": timezone.now(),
            },
        )
        if scores is not None:
            _keep_scores(kept, application.project, scores)
        refresh_figures(application)
        mark(application, by, Reading.State.READ)
        if is_new:
            record(application, Event.Kind.RATED, by=by)
        begin_reading(application, by)
    return kept


def _ids_of_documents(application: Application) -> list[str]:
    return [str(pk) for pk in application.documents.current().values_list("pk", flat=True)]


def _keep_scores(review: Review, project: Project, scores: Mapping[int, int | None]) -> None:
    for criterion in project.criteria.all():
        if criterion.pk in scores:
            CriterionScore.objects.update_or_create(
                review=review, criterion=criterion, defaults={"score": scores[criterion.pk]}
            )
    review.score = weighted_mean(review)
    review.save(update_fields=["score"])


def weighted_mean(review: Review) -> float | None:
    """The mean of the project's criteria that apply (1 to 5), each with its weight. “Not applicable” is no zero.

    Marks by the criteria of a project from which the application was moved away stay, and do not count.
    """
    of_this_project = review.scores.filter(criterion__project=review.application.project_id, score__isnull=False)
    counted = [(score.score, score.criterion.weight) for score in of_this_project.select_related("criterion")]
    weights = sum(weight for _score, weight in counted)
    return sum(score * weight for score, weight in counted) / weights if weights else None


def recalculate_scores(project: Project) -> None:
    """After a change of the criteria or their weights: the weighted means of all reviews of this project's students."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        for application in Application.objects.filter(project=project, rating_count__gt=0):
            recalculate_scores_of(application)


def recalculate_scores_of(application: Application) -> None:
    """The weighted means of the reviews of one application, by the criteria of the project that it is to now."""
    for kept in application.reviews.select_related("application"):
        kept.score = weighted_mean(kept)
        kept.save(update_fields=["score"])
    refresh_figures(application)


def refresh_figures(application: Application) -> None:
    """Bring count, mean and disagreement (highest minus lowest rating) of the application up to date."""
    figures = application.reviews.order_by().aggregate(
        number=Count("pk"), mean=Avg("rating"), most=Max("rating"), least=Min("rating"), score=Avg("score")
    )
    application.rating_count = figures["number"]
    application.rating_mean = figures["mean"]
    application.rating_spread = figures["most"] - figures["least"] if figures["number"] else None
    application.score_mean = figures["score"]
    application.save(update_fields=["rating_count", "rating_mean", "rating_spread", "score_mean", "email_key"])


def mark(application: Application, by, state: str) -> None:
    """Note how far `by` is with the application."""
    Reading.objects.update_or_create(
        application=application, reviewer=by, defaults={"state": state, "at": timezone.now()}
    )


def abstain(application: Application, *, by) -> None:
    """Be done with an application without rating it. A rating that was given goes, with its comment."""
    with transaction.atomic():
        application = lock(application)
        application.reviews.filter(reviewer=by).delete()
        refresh_figures(application)
        mark(application, by, Reading.State.ABSTAINED)
        record(application, Event.Kind.ABSTAINED, by=by)


def skip(application: Application, *, by) -> None:
    """Leave an application for later: it stays unread and comes again at the end. What is done stays done."""
    with transaction.atomic():
        application = lock(application)
        if not Reading.objects.filter(application=application, reviewer=by, state__in=Reading.DONE).exists():
            mark(application, by, Reading.State.SKIPPED)


def set_star(application: Application, on: bool, *, by) -> None:
    """Put one's own star on the application, or take it off; again is a no-op. Nobody else sees it."""
    if on:
        Star.objects.get_or_create(application=application, user=by)
    else:
        Star.objects.filter(application=application, user=by).delete()


def possible_reviewers(project: Project) -> QuerySet:
    """The people who can be asked about applications to `project`: its supervisor and its co-advisors with accounts."""
    named = Q(supervised_projects=project) | Q(co_advisor__projects=project)
    return get_user_model().objects.filter(named, is_active=True, is_staff=True).distinct().order_by("username")


def ask(application: Application, reviewers: Iterable, *, by) -> list:
    """Ask named reviewers for their opinion; returns those who were not asked before. They get one letter, later.

    Raises Refused: `not_supervisor` unless `by` supervises the project, `not_a_reviewer` for somebody who could not
    open the application.
    """
    with transaction.atomic():
        application = lock(application)
        if not Project.objects.supervised_by(by).filter(pk=application.project_id).exists():
            raise Refused("not_supervisor", _("Only the supervisor of the project asks others for a review."))
        possible = set(possible_reviewers(application.project))
        newly = []
        for reviewer in reviewers:
            if reviewer not in possible:
                raise Refused(
                    "not_a_reviewer",
                    _("%(name)s is not named on this project and could not open the application.")
                    % {"name": reviewer.get_full_name() or reviewer.get_username()},
                )
            if ReviewRequest.objects.get_or_create(
                application=application, reviewer=reviewer, defaults={"asked_by": by}
            )[1]:
                newly.append(reviewer)
        if newly:
            names = ", ".join(reviewer.get_full_name() or reviewer.get_username() for reviewer in newly)
            record(application, Event.Kind.ASKED, by=by, text=names)
    return newly


def write(application: Application, *, subject: str, body: str, by) -> Letter:
    """Write to the student. The letter stands among the application's letters, and the history says who wrote.

    The same letter again, a few minutes later, is not sent twice.
    """
    with transaction.atomic():
        application = lock(application)
        typed = letters.Wording(subject, body)
        wording = letters.message_wording(application, typed, writer=by)
        earlier = application.letters.filter(kind=Letter.Kind.MESSAGE, created_at__gt=timezone.now() - SAME_AGAIN)
        same = earlier.filter(subject=wording.subject, body=wording.body, recipient=application.email).first()
        if same is not None:
            return same
        letter = letters.message(application, typed, writer=by)
        Message.objects.create(
            application=application,
            is_from_student=False,
            user=by,
            author=(by.get_full_name() or by.get_username())[:200],
            text=body.strip(),
            letter=letter,
        )
        record(application, Event.Kind.WROTE, by=by, text=subject)
        begin_reading(application, by)
    return letter

"""Two to six applications side by side, and what is decided about each."""

import dataclasses

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Prefetch, Q
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from applications import workflow
from applications.admin import queue
from applications.admin.bulk import BulkPages, Chosen, Line, carry_out, ids_in
from applications.forms.bulk import DECISION_WORDS, PickForm, seen_in
from applications.models import (
    Application,
    CriterionScore,
    Decision,
    Document,
    Event,
    QuestionAnswer,
    Review,
    Star,
    ratings_are_readable,
)
from applications.openings import note_compared
from applications.statuses import Status

FEWEST, MOST = 2, 6


@dataclasses.dataclass(frozen=True)
class ShownReview:
    """A review that one may read, and whether answers, documents or project have changed since."""

    review: Review
    is_own: bool
    is_outdated: bool

    @property
    def who(self) -> str:
        return self.review.reviewer.get_full_name() or self.review.reviewer.get_username()


@dataclasses.dataclass(frozen=True)
class Column:
    """One application, with all that stands beneath its name. Of the ratings only those that one may read."""

    application: Application
    documents: list[Document]
    picture_of: Document | None  # whose first page is shown: the CV, once its page images are made
    reviews: list[ShownReview]
    hidden_reviews: int
    pending: Decision | None
    pick: BoundField  # in which it is decided

    @property
    def figures_are_readable(self) -> bool:
        return bool(self.application.rating_count) and not self.hidden_reviews

    @property
    def pending_words(self) -> str:
        return DECISION_WORDS[Status(self.pending.to_status)] if self.pending else ""

    @property
    def is_on_its_way(self) -> bool:
        return self.pending is not None and self.pending.is_on_its_way


class ComparisonPages(BulkPages):
    def get_urls(self):
        return [self.page("compare/", self.compare_view, "compare"), *super().get_urls()]

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        """GET `?ids=1,2,3` shows them side by side; POST stages what was picked, with the standard letters."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return require_http_methods(["GET", "HEAD", "POST"])(self._compare)(request)

    def _compare(self, request: HttpRequest) -> HttpResponse:
        is_post = request.method == "POST"
        if is_post and not self.has_change_permission(request):
            raise PermissionDenied
        said = request.POST.get("chosen", "") if is_post else request.GET.get("ids", "")
        chosen = Chosen(self._compared(request), ids_in(said), seen_in(said) if is_post else None)
        if not FEWEST <= len(chosen.applications) <= MOST:
            messages.info(request, _("Choose two to six applications to compare them."))
            return HttpResponseRedirect(self._list_url(request))
        if request.method == "GET":
            note_compared(chosen.applications, request.user)
        form = PickForm(chosen.applications, request.POST if is_post else None, pending=chosen.pending)
        if not form.is_valid():
            return self._compare_page(request, chosen, form)
        return self._stage_picked(request, chosen, form)

    def _compared(self, request: HttpRequest):
        user = request.user
        scores = Prefetch("scores", CriterionScore.objects.select_related("criterion"))
        reviews = Review.objects.readable_by(user).select_related("reviewer").prefetch_related(scores)
        return (
            self.get_queryset(request)
            .annotate(
                is_starred=Exists(Star.objects.filter(application=OuterRef("pk"), user=user)),
                has_readable_ratings=ExpressionWrapper(ratings_are_readable(user), output_field=BooleanField()),
                note_count=Count("events", filter=Q(events__kind=Event.Kind.NOTE)),
                idea_title=QuestionAnswer.idea_title(),
            )
            .prefetch_related(
                Prefetch("reviews", reviews, to_attr="readable_reviews"),
                Prefetch("documents", Document.objects.select_related("rendition").defer("rendition__text")),
            )
        )

    # Looking

    def _compare_page(self, request: HttpRequest, chosen: Chosen, form: PickForm) -> HttpResponse:
        may_decide = self.has_change_permission(request)
        columns = [self._column(request, each, chosen, form) for each in chosen.applications]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Compare %(number)s applications") % {"number": len(columns)},
            "columns": columns,
            "form": form,
            "may_decide": may_decide,
            "list_url": self._list_url(request),
            "change_query": self._query(request),
        }
        return TemplateResponse(request, "admin/applications/application/compare.html", context)

    @staticmethod
    def _column(request: HttpRequest, application: Application, chosen: Chosen, form: PickForm) -> Column:
        documents = application.current_documents()
        reviews = [
            ShownReview(review, review.reviewer_id == request.user.pk, review.changed_since(application, documents))
            for review in application.readable_reviews
        ]
        return Column(
            application=application,
            documents=documents,
            picture_of=next((each for each in documents if has_first_page(each)), None),
            reviews=sorted(reviews, key=lambda shown: not shown.is_own),
            hidden_reviews=0 if application.has_readable_ratings else application.rating_count,
            pending=chosen.pending.get(application.pk),
            pick=form[form.name_of(application)],
        )

    @staticmethod
    def _query(request: HttpRequest) -> str:
        filters = request.GET.get(queue.FILTERS)
        return f"?{urlencode({queue.FILTERS: filters})}" if filters else ""

    # Picking

    def _stage_picked(self, request: HttpRequest, chosen: Chosen, form: PickForm) -> HttpResponse:
        picked = form.picked()
        if not picked:
            form.add_error(None, _("Choose a decision for at least one of them."))
            return self._compare_page(request, chosen, form)
        status_of = {application.pk: status for application, status in picked}
        lines = [Line(application, why_not=self._why_not(application, chosen)) for application, _status in picked]

        def stage(application: Application) -> None:
            status = status_of[application.pk]
            workflow.stage(
                application,
                status,
                by=request.user,
                reason=form.cleaned_data.get("reason", ""),
                seen_status=chosen.seen_status(application),
            )
            self.log_change(request, application, f"Staged: {status}.")

        done, not_done = carry_out(lines, stage)
        self.tell_what_is_staged(request, len(done))
        self.tell_what_was_not(request, not_done)
        if done and request.POST.get("then") == "release":
            return HttpResponseRedirect(reverse("admin:applications_application_release"))
        return HttpResponseRedirect(self._list_url(request))

    @staticmethod
    def _why_not(application: Application, chosen: Chosen) -> str:
        return _("A decision was staged since you looked.") if chosen.was_staged_unseen(application) else ""


def has_first_page(document: Document) -> bool:
    rendition = getattr(document, "rendition", None)
    return document.kind == Document.Kind.CV and rendition is not None and bool(rendition.page_sizes)

"""Reviewing applications. Everything here reads; what changes an application is a POST to `workflow`."""

import functools
from collections.abc import Callable

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from applications import workflow
from applications.admin import queue
from applications.forms import DecisionForm, NoteForm, ReviewForm
from applications.inspection import FLAG_WORDS
from applications.models import Application, Document, Event
from applications.retention import erase_on
from applications.statuses import OPEN_STATUSES, Status, letter_kind, reviewer_needs_reason
from projects.admin import RestrictedAdmin

# What the button for a move says, by where it leads; and, where that matters, from where.
MOVE_WORDS = {
    Status.IN_REVIEW: gettext_lazy("Start reading"),
    Status.INTERVIEW: gettext_lazy("Invite to an interview"),
    Status.WAITLISTED: gettext_lazy("Put on the waiting list"),
    Status.OFFERED: gettext_lazy("Offer the project"),
    Status.ACCEPTED: gettext_lazy("Record the acceptance"),
    Status.DECLINED: gettext_lazy("Decline"),
    Status.WITHDRAWN: gettext_lazy("Record a withdrawal"),
}
MOVE_WORDS_FROM = {
    (Status.INTERVIEW, Status.IN_REVIEW): gettext_lazy("Back to review"),
    (Status.WAITLISTED, Status.IN_REVIEW): gettext_lazy("Back to review"),
    (Status.DECLINED, Status.IN_REVIEW): gettext_lazy("Reopen"),
    (Status.OFFERED, Status.WAITLISTED): gettext_lazy("Take back, to the waiting list"),
    (Status.OFFERED, Status.DECLINED): gettext_lazy("Take back and decline"),
    (Status.ACCEPTED, Status.DECLINED): gettext_lazy("Take back and decline"),
}


def move_words(from_status: str, to_status: str) -> str:
    return MOVE_WORDS_FROM.get((from_status, to_status), MOVE_WORDS[Status(to_status)])


def gone_is_404(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """An application that a colleague erased between the look and the deed is the 404 of one that never was."""

    @functools.wraps(view)
    def with_404(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Application.DoesNotExist as error:
            raise Http404 from error

    return with_404


class StatusFilter(admin.SimpleListFilter):
    """The tabs above the list."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("open", _("Open")), *Status.choices]

    def queryset(self, request, queryset):
        if self.value() == "open":
            return queryset.awaiting_decision()
        return queryset.filter(status=self.value()) if self.value() in Status.values else queryset


@admin.register(Application)
class ApplicationAdmin(RestrictedAdmin):
    list_display = ["applicant", "status_badge", "project", "university", "received", "waiting"]
    list_display_links = ["applicant"]
    list_select_related = ["project"]
    list_filter = [
        StatusFilter,
        ("project", admin.RelatedOnlyFieldListFilter),
        ("project__topic", admin.RelatedOnlyFieldListFilter),
        "received_at",
    ]
    list_per_page = 50
    search_fields = ["reference", "full_name", "email", "university", "programme", "project__title"]
    search_help_text = gettext_lazy("Name, address, reference, university, project …")
    view_on_site = False  # the student's page opens for the student only
    actions = None  # nothing about an application changes in bulk or around its own page

    # What may be seen, and that nothing changes here

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).visible_to(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False  # erasing has a page of its own, which also removes the files

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("applications.delete_application")

    def get_search_results(self, request: HttpRequest, queryset, search_term: str):
        """Find a reference also as it is heard on the phone: in small letters, without its hyphen."""
        letters = "".join(search_term.upper().split()).replace("-", "")
        if len(letters) == 8 and letters.isalnum():
            by_reference = queryset.filter(reference=f"{letters[:4]}-{letters[4:]}")
            if by_reference.exists():
                return by_reference, False
        return super().get_search_results(request, queryset, search_term)

    # The list

    @admin.display(description=gettext_lazy("applicant"), ordering="full_name")
    def applicant(self, application: Application) -> str:
        return render_to_string("admin/applications/application/cells/applicant.html", {"application": application})

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_badge(self, application: Application) -> str:
        return render_to_string(
            "includes/status_badge.html", {"status": application.status, "label": application.get_status_display()}
        )

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, application: Application) -> str:
        return render_to_string("admin/applications/application/cells/received.html", {"application": application})

    @admin.display(description=gettext_lazy("waiting"), ordering="received_at")
    def waiting(self, application: Application) -> str:
        return render_to_string(
            "admin/applications/application/cells/waiting.html",
            {"application": application, "answer_days": settings.PROMISED_ANSWER_DAYS},
        )

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        changelist = getattr(response, "context_data", {}).get("cl")
        if changelist is not None:
            response.context_data["status_tabs"] = self._status_tabs(request, changelist)
            response.context_data["kept_parameters"] = [
                (name, value) for name in request.GET if name not in ("q", "p") for value in request.GET.getlist(name)
            ]
            changelist.filter_specs = [s for s in changelist.filter_specs if not isinstance(s, StatusFilter)]
        return response

    def _status_tabs(self, request: HttpRequest, changelist) -> list[dict]:
        """All, open, and each status, with how many applications of the list (searched, filtered) are in each."""
        rows = changelist.get_queryset(request, exclude_parameters=["status"])
        counts = dict(rows.order_by().values_list("status").annotate(Count("pk")))
        open_count = sum(counts.get(status, 0) for status in OPEN_STATUSES)
        tabs = [("", _("All"), sum(counts.values())), ("open", _("Open"), open_count)]
        tabs += [(status, label, counts.get(status, 0)) for status, label in Status.choices]
        chosen = changelist.params.get("status", request.GET.get("status", ""))
        return [
            {
                "label": label,
                "count": count,
                "is_chosen": value == chosen,
                "url": changelist.get_query_string({"status": value} if value else {}, ["status", "p"]),
            }
            for value, label, count in tabs
        ]

    # The pages of one application

    def get_urls(self):
        def named(route: str, view, name: str):
            return path(route, self.admin_site.admin_view(gone_is_404(view)), name=f"applications_application_{name}")

        return [
            named("<int:pk>/decide/<str:status>/", self.decide_view, "decide"),
            named("<int:pk>/note/", self.note_view, "note"),
            named("<int:pk>/review/", self.review_view, "review"),
            named("<int:pk>/erase/", self.erase_view, "erase"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        """The review page: answers and documents side by side. It only shows; a POST has nothing to do here."""
        application = self._application(request, int(object_id) if object_id.isdecimal() else None)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return self._review_page(request, application)

    def _review_page(self, request: HttpRequest, application: Application, **forms) -> HttpResponse:
        """`forms` are those that came back with errors, by their name in the template."""
        context = self._review_context(request, application) | forms
        return TemplateResponse(request, "admin/applications/application/review.html", context)

    def _review_context(self, request: HttpRequest, application: Application) -> dict:
        place = queue.place_of(application.pk, queue.listed(self, request))
        documents = application.current_documents()
        history = list(application.events.select_related("decision"))
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": application.full_name,
            "application": application,
            "project": application.project,
            "tabs": [self._document_tab(request, document) for document in documents],
            "shown": self._shown_document(request, documents),
            "former_documents": application.former_documents(),
            "former_answers": application.former_answers.all(),
            "notes": [event for event in history if event.kind == Event.Kind.NOTE],
            "history": [event for event in history if event.kind != Event.Kind.NOTE],
            "letters": application.letters.order_by("created_at", "pk"),
            "moves": self._moves(request, application),
            "may_note": self.has_change_permission(request, application),
            "place": place,
            "list_url": self._list_url(request),
            "history_url": reverse("admin:applications_application_history", args=[application.pk]),
            "previous_url": place.previous and self._url(request, "change", place.previous),
            "next_url": place.next and self._url(request, "change", place.next),
            **self._reviews(request, application),
            "note_form": NoteForm(),
            "note_url": self._url(request, "note", application.pk),
            "erase_url": self.has_erase_permission(request) and self._url(request, "erase", application.pk),
            "erase_on": erase_on(application),
        }

    def _reviews(self, request: HttpRequest, application: Application) -> dict:
        """One's own rating, and those of colleagues once one's own is in; before that, only how many there are."""
        reviews = list(application.reviews.readable_by(request.user).select_related("reviewer"))
        own = next((review for review in reviews if review.reviewer_id == request.user.pk), None)
        return {
            "own_review": own,
            "other_reviews": [review for review in reviews if review != own],
            "hidden_reviews": 0 if own else application.reviews.count(),
            "review_form": ReviewForm(initial={"rating": own.rating, "comment": own.comment} if own else None),
            "review_form_url": self._url(request, "review", application.pk),
        }

    @staticmethod
    def _shown_document(request: HttpRequest, documents: list[Document]) -> Document | None:
        """The document in the viewer: the one asked for with `?document=`, else the first."""
        wanted = request.GET.get("document", "")
        return next((d for d in documents if str(d.pk) == wanted), documents[0] if documents else None)

    @staticmethod
    def _document_tab(request: HttpRequest, document: Document) -> dict:
        query = request.GET.copy()
        query["document"] = str(document.pk)
        flags = [FLAG_WORDS.get(flag, flag) for flag in document.flags]
        return {"document": document, "url": f"?{query.urlencode()}", "flags": flags}

    def _moves(self, request: HttpRequest, application: Application) -> list[dict]:
        """The buttons: exactly the moves that the table allows now, for those who may decide."""
        if not self.has_change_permission(request, application):
            return []
        return [
            {
                "status": status,
                "words": move_words(application.status, status),
                "url": self._url(request, "decide", application.pk, status),
            }
            for status in workflow.allowed_moves(application)
        ]

    def decide_view(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        """GET shows the letter as it would go out; POST decides and goes on to the next open application."""
        return require_http_methods(["GET", "HEAD", "POST"])(self._decide)(request, pk, status)

    def _decide(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        application = self._application(request, pk, to_change=True)
        if status not in Status.values:
            raise Http404
        if status not in workflow.allowed_moves(application):
            return self._refused(request, application, workflow.why_not(application))
        kind = letter_kind(application.status, status)
        form = DecisionForm(application, status, kind, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._decision_page(request, application, status, form)
        if request.POST.get("action") == "preview":
            preview = form.wording_as_shown() if form.standard else None
            return self._decision_page(request, application, status, form, preview=preview)
        if kind and form.cleaned_data["send"] is None:
            form.add_error(None, _("Please choose whether the letter is sent."))
            return self._decision_page(request, application, status, form)
        return self._carry_out_decision(request, application, status, form)

    def _carry_out_decision(
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm
    ) -> HttpResponse:
        following = queue.next_open(application.pk, queue.listed(self, request))  # before this one leaves the list
        sends = bool(form.standard and form.cleaned_data["send"])
        try:
            workflow.decide(
                application,
                status,
                by=request.user,
                reason=form.cleaned_data["reason"],
                letter=form.wording() if sends else workflow.NO_LETTER,
                seen_status=form.cleaned_data["seen_status"] or None,
            )
        except workflow.Refused as refused:
            return self._refused(request, application, refused.message)
        self.log_change(request, application, f"Decided: {status}, {'with' if sends else 'without'} a letter.")
        self._tell_what_was_done(request, application, status, sends)
        if following is None:
            messages.info(request, _("No other application in this list waits for a decision."))
            return HttpResponseRedirect(self._list_url(request))
        return HttpResponseRedirect(self._url(request, "change", following))

    def _tell_what_was_done(self, request: HttpRequest, application: Application, status: str, sends: bool) -> None:
        words = {
            "name": application.full_name,
            "reference": application.reference,
            "status": Status(status).label,
            "address": application.email,
        }
        if sends:
            told = _("%(name)s (%(reference)s): %(status)s. The letter goes to %(address)s.") % words
        else:
            told = _("%(name)s (%(reference)s): %(status)s. No letter is sent.") % words
        messages.success(request, told)

    def _refused(self, request: HttpRequest, application: Application, why: str) -> HttpResponse:
        messages.error(request, why)
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def _decision_page(
        self, request: HttpRequest, application: Application, status: str, form: DecisionForm, preview=None
    ) -> HttpResponse:
        project = application.project
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{move_words(application.status, status)}: {application.full_name}",
            "move": move_words(application.status, status),
            "application": application,
            "project": project,
            "to_status": status,
            "to_status_label": Status(status).label,
            "form": form,
            "preview": preview,
            "needs_reason": reviewer_needs_reason(application.status, status),
            "open_offers": project.applications.filter(status=Status.OFFERED).exclude(pk=application.pk).count(),
            "review_url": self._url(request, "change", application.pk),
            "list_url": self._list_url(request),
        }
        return TemplateResponse(request, "admin/applications/application/decide.html", context)

    def note_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._note)(request, self._application(request, pk, to_change=True))

    def _note(self, request: HttpRequest, application: Application) -> HttpResponse:
        form = NoteForm(request.POST)
        if not form.is_valid():
            return self._review_page(request, application, note_form=form)
        workflow.note(application, form.cleaned_data["text"], by=request.user)
        self.log_change(request, application, "Added a note.")
        messages.success(request, _("The note is saved."))
        return HttpResponseRedirect(self._url(request, "change", application.pk) + "#notes")

    def review_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._review)(request, self._application(request, pk, to_change=True))

    def _review(self, request: HttpRequest, application: Application) -> HttpResponse:
        form = ReviewForm(request.POST)
        if not form.is_valid():
            return self._review_page(request, application, review_form=form)
        workflow.review(application, by=request.user, **form.cleaned_data)
        self.log_change(request, application, "Rated.")  # how is nobody's business in this log
        messages.success(request, _("Your rating is saved."))
        return HttpResponseRedirect(self._url(request, "change", application.pk) + "#ratings")

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_http_methods(["GET", "HEAD", "POST"])(self._erase)(request, pk)

    def _erase(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_erase_permission(request):
            raise PermissionDenied
        application = self._application(request, pk)
        if request.method == "POST":
            workflow.erase(application)
            self.log_deletions(request, [application])
            messages.success(
                request,
                _("Application %(reference)s is erased: its rows, documents and letters are gone.")
                % {"reference": application.reference},
            )
            return HttpResponseRedirect(self._list_url(request))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Erase %(reference)s") % {"reference": application.reference},
            "application": application,
            "review_url": self._url(request, "change", application.pk),
            "list_url": self._list_url(request),
        }
        return TemplateResponse(request, "admin/applications/application/erase.html", context)

    # What these pages share

    def _application(self, request: HttpRequest, pk: int | None, *, to_change: bool = False) -> Application:
        """The application, if this reviewer may see it: 403 without the model's permission, 404 without this object."""
        may = self.has_change_permission if to_change else self.has_view_or_change_permission
        if not may(request):
            raise PermissionDenied
        application = (
            self.get_queryset(request)
            .select_related("project__topic", "project__supervisor")
            .prefetch_related("documents")
            .filter(pk=pk)
            .first()
        )
        if application is None:
            raise Http404
        return application

    def _url(self, request: HttpRequest, page: str, *args) -> str:
        """The address of a page of an application, carrying the list's filters along."""
        url = reverse(f"admin:applications_application_{page}", args=args)
        filters = request.GET.get(queue.FILTERS)
        return f"{url}?{urlencode({queue.FILTERS: filters})}" if filters else url

    def _list_url(self, request: HttpRequest) -> str:
        filters = request.GET.get(queue.FILTERS)
        return reverse("admin:applications_application_changelist") + (f"?{filters}" if filters else "")

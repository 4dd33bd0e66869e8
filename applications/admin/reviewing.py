"""The review page: answers and documents side by side, and what a reviewer does there."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from applications import workflow
from applications.admin import queue
from applications.admin.base import ApplicationPages
from applications.admin.deciding import move_words
from applications.forms import NoteForm, ReviewForm
from applications.inspection import FLAG_WORDS
from applications.models import Application, Document, Event
from applications.retention import erase_on


class ReviewPages(ApplicationPages):
    def get_urls(self):
        return [
            self.page("<int:pk>/note/", self.note_view, "note"),
            self.page("<int:pk>/review/", self.review_view, "review"),
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

"""The review page: answers and documents side by side, and what a reviewer does there while reading."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from applications import places, workflow
from applications.admin import panels, queue
from applications.admin.base import ApplicationPages
from applications.admin.deciding import move_words
from applications.forms import AddDocumentsForm, AskForm, NoteForm, ReviewForm, TransferForm, WriteForm
from applications.inspection import ACTIVE_FLAGS, FLAG_WORDS
from applications.models import Application, Decision, Document, Event, Preference
from applications.openings import note_review_page
from applications.retention import erase_on
from applications.statuses import OPEN_STATUSES, Status, reviewer_needs_reason

# The short word and the key of each move that is staged with one press.
STAGE_WORDS = {
    Status.INTERVIEW: (gettext_lazy("Interview"), "i"),
    Status.WAITLISTED: (gettext_lazy("Waiting list"), "w"),
    Status.OFFERED: (gettext_lazy("Offer"), "o"),
    Status.DECLINED: (gettext_lazy("Decline"), "d"),
    Status.IN_REVIEW: (gettext_lazy("Back to review"), "b"),
}


def may_be_staged_at_once(from_status: str, to_status: str) -> bool:
    """Whether one press is enough: a reason would have to be written, and reading begins by itself."""
    is_beginning = (from_status, to_status) == (Status.RECEIVED, Status.IN_REVIEW)
    return not is_beginning and not reviewer_needs_reason(from_status, to_status)


def _subject_of_answer(application: Application) -> str:
    """What stands over the answer to a question unless somebody changes it, in the student's language."""
    with translation.override(application.language):
        return _("Your question")


def scan_warnings(document: Document) -> list[str]:
    """What reviewers should know of the malware scan before they open a document; nothing when it is fine."""
    if document.is_blocked:
        return [_("Malware found")]
    return [_("Not scanned for malware yet")] if document.waits_for_scan else []


class ReviewPages(ApplicationPages):
    def get_urls(self):
        return [
            self.page("<int:pk>/note/", self.note_view, "note"),
            self.page("<int:pk>/review/", self.review_view, "review"),
            self.page("<int:pk>/star/", self.star_view, "star"),
            self.page("<int:pk>/skip/", self.skip_view, "skip"),
            self.page("<int:pk>/abstain/", self.abstain_view, "abstain"),
            self.page("<int:pk>/stage/<str:status>/", self.stage_view, "stage"),
            *super().get_urls(),
        ]

    # The page

    def change_view(self, request: HttpRequest, object_id: str, form_url="", extra_context=None) -> HttpResponse:
        """The review page: answers and documents side by side. It only shows; a POST has nothing to do here."""
        application = self._application(request, int(object_id) if object_id.isdecimal() else None)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if request.method == "GET":
            note_review_page(application, request.user)
        return self._review_page(request, application)

    def _review_page(self, request: HttpRequest, application: Application, status: int = 200, **forms) -> HttpResponse:
        """`forms` are those that came back with errors, by their name in the template."""
        context = self._review_context(request, application) | forms
        return TemplateResponse(request, "admin/applications/application/review.html", context, status=status)

    def _review_context(self, request: HttpRequest, application: Application) -> dict:
        documents = application.current_documents()
        question_answers = list(application.question_answers.all())
        history = list(application.events.select_related("decision"))
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": application.full_name,
            "application": application,
            "project": application.project,
            "promised": application.project.places and places.promised(application.project),
            "tabs": [self._document_tab(request, application, document) for document in documents],
            "shown": self._shown_document(request, documents),
            "blocked": application.blocked_documents(),
            "former_documents": application.former_documents(),
            "former_answers": application.former_answers.all(),
            "question_answers": question_answers,
            "idea_title": panels.idea_title(application, question_answers),
            "notes": [event for event in reversed(history) if event.kind == Event.Kind.NOTE],
            "history": [event for event in history if event.kind != Event.Kind.NOTE],
            "letters": application.letters.order_by("created_at", "pk"),
            "opened_by": panels.opened_by(application),
            "days_late": panels.days_late(application),
            "same_person": panels.same_person(application, self.get_queryset(request)),
            "may_note": self.has_change_permission(request, application),
            "list_url": self._list_url(request),
            "history_url": reverse("admin:applications_application_history", args=[application.pk]),
            "erase_url": self.may_erase(request, application) and self._url(request, "erase", application.pk),
            "erase_on": erase_on(application),
            "shortcuts": self._shortcuts(request),
            **self._queue(request, application),
            **self._ratings(request, application, documents),
            **self._decisions(request, application),
            **self._casework(request, application),
            **self._said(request, application, documents),
            "note_form": NoteForm(),
            "note_url": self._url(request, "note", application.pk),
        }

    @staticmethod
    def _shortcuts(request: HttpRequest) -> bool:
        preference = Preference.objects.filter(user=request.user).first()
        return preference is None or preference.shortcuts

    def _queue(self, request: HttpRequest, application: Application) -> dict:
        """The place in the list that one came from, and how far one is with it."""
        line = self._read_queue(request)
        place = line.place_of(application.pk)
        unread = line.next_unread(application.pk)
        return {
            "place": place,
            "done": line.done(),
            "length": place.length,
            "previous_url": place.previous and self._url(request, "change", place.previous),
            "next_url": place.next and self._url(request, "change", place.next),
            "next_unread_url": unread and self._url(request, "change", unread),
            "skip_url": self._url(request, "skip", application.pk),
            "abstain_url": self._url(request, "abstain", application.pk),
            "star_url": self._url(request, "star", application.pk),
        }

    def _ratings(self, request: HttpRequest, application: Application, documents: list[Document]) -> dict:
        marks = panels.own_marks(application, request.user)
        ratings = panels.ratings(application, documents, request.user, are_readable=marks.ratings_are_readable)
        own = ratings.own.review if ratings.own else None
        return {
            "marks": marks,
            "ratings": ratings,
            "own_review": own,
            "review_form": ReviewForm(application, own),
            "review_form_url": self._url(request, "review", application.pk),
        }

    def _decisions(self, request: HttpRequest, application: Application) -> dict:
        """What was decided, and the moves that the table allows now, for those who may decide."""
        decisions = panels.decisions(application)
        may_decide = self.has_change_permission(request, application)
        moves = self._moves(request, application) if may_decide and not decisions.on_its_way else []
        return {
            "decisions": decisions,
            "moves": moves,
            "stage_moves": [move for move in moves if move["stage_url"]],
            "clear_url": self._url(request, "clear", application.pk),
            "staged_url": self._url(request, "staged", application.pk),
            "release_url": self._url(request, "release"),
            "call_back_url": self._url(request, "call_back", application.pk),
            "undo_url": may_decide and decisions.may_be_undone and self._url(request, "undo", application.pk),
        }

    def _casework(self, request: HttpRequest, application: Application) -> dict:
        """The rarer deeds; `CaseworkPages` carries them out."""
        may_ask = panels.supervises(application, request.user) and self.has_change_permission(request, application)
        circle = panels.circle(application, request.user, may_ask=may_ask)
        targets = panels.transfer_targets(application, request.user)
        return {
            "circle": circle,
            "ask_form": AskForm(panels.askable(application, request.user)) if circle.may_be_asked else None,
            "ask_url": self._url(request, "ask", application.pk),
            "documents_form": AddDocumentsForm() if application.status in OPEN_STATUSES else None,
            "documents_url": self._url(request, "documents", application.pk),
            "transfer_form": TransferForm(targets) if may_ask and application.status in OPEN_STATUSES else None,
            "transfer_url": self._url(request, "transfer", application.pk),
        }

    def _said(self, request: HttpRequest, application: Application, documents: list[Document]) -> dict:
        """What the student has asked and sent since; `CaseworkPages` answers, takes and leaves."""
        thread = panels.thread(application)
        return {
            "thread": thread,
            "write_form": WriteForm(initial={"subject": _subject_of_answer(application)} if thread.waiting else None),
            "write_url": self._url(request, "write", application.pk),
            "settle_url": self._url(request, "settle", application.pk),
            "offers": panels.offers(application, documents),
            "may_take": application.status in OPEN_STATUSES,
            "take_url": self._url(request, "take", application.pk),
            "leave_url": self._url(request, "leave", application.pk),
        }

    @staticmethod
    def _shown_document(request: HttpRequest, documents: list[Document]) -> Document | None:
        """The document in the viewer: the one asked for with `?document=`, else the first."""
        wanted = request.GET.get("document", "")
        return next((d for d in documents if str(d.pk) == wanted), documents[0] if documents else None)

    @staticmethod
    def _document_tab(request: HttpRequest, application: Application, document: Document) -> dict:
        query = request.GET.copy()
        query["document"] = str(document.pk)
        page = reverse("admin:applications_application_change", args=[application.pk])
        flags = [*scan_warnings(document), *(FLAG_WORDS.get(flag, flag) for flag in document.flags)]
        is_active = not ACTIVE_FLAGS.isdisjoint(document.flags)
        return {"document": document, "url": f"{page}?{query.urlencode()}", "flags": flags, "is_active": is_active}

    def _moves(self, request: HttpRequest, application: Application) -> list[dict]:
        """Exactly the moves that the table allows now; those that need no reason can be staged with one press."""
        return [
            {
                "status": status,
                "words": move_words(application.status, status),
                "url": self._url(request, "decide", application.pk, status),
                **self._at_once(request, application, status),
            }
            for status in workflow.allowed_moves(application)
        ]

    def _at_once(self, request: HttpRequest, application: Application, status: str) -> dict:
        if not may_be_staged_at_once(application.status, status):
            return {"stage_url": None}
        short, key = STAGE_WORDS[Status(status)]
        return {"stage_url": self._url(request, "stage", application.pk, status), "short": short, "key": key}

    # Notes and ratings

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
        form = ReviewForm(application, self._own_review(request, application), request.POST)
        line = self._read_queue(request)
        if not self._save_review(request, application, form):
            return self._review_page(request, application, review_form=form)
        messages.success(request, _("Your rating of %(name)s is saved.") % {"name": application.full_name})
        if request.POST.get("then") == "next":
            return self._to_next_unread(request, application, line)
        return HttpResponseRedirect(self._url(request, "change", application.pk) + "#ratings")

    @staticmethod
    def _own_review(request: HttpRequest, application: Application):
        return application.reviews.filter(reviewer=request.user).prefetch_related("scores").first()

    def _save_review(self, request: HttpRequest, application: Application, form: ReviewForm) -> bool:
        """Save what the form says; False when it has to be shown again, with the reason in it."""
        if not form.is_valid():
            return False
        try:
            workflow.review(application, by=request.user, **form.opinion())
        except workflow.Refused as refused:
            form.ask_again(self._own_review(request, application), refused.message)
            return False
        self.log_change(request, application, "Rated.")  # how is nobody's business in this log
        return True

    # Through the queue

    def _read_queue(self, request: HttpRequest) -> queue.Queue:
        """The list that one came from as it is before the deed, which may take the application out of it."""
        return queue.Queue.read(request.user, queue.listed(self, request))

    def _to_next_unread(self, request: HttpRequest, application: Application, line: queue.Queue) -> HttpResponse:
        following = line.next_unread(application.pk)
        if following is None:
            messages.info(request, _("You have read everything in this list."))
            return HttpResponseRedirect(self._list_url(request))
        return HttpResponseRedirect(self._url(request, "change", following))

    def star_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._set_star)(request, self._application(request, pk, to_change=True))

    def _set_star(self, request: HttpRequest, application: Application) -> HttpResponse:
        workflow.set_star(application, request.POST.get("on") == "1", by=request.user)
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def skip_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._skip)(request, self._application(request, pk, to_change=True))

    def _skip(self, request: HttpRequest, application: Application) -> HttpResponse:
        line = self._read_queue(request)
        workflow.skip(application, by=request.user)
        return self._to_next_unread(request, application, line)

    def abstain_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return require_POST(self._abstain)(request, self._application(request, pk, to_change=True))

    def _abstain(self, request: HttpRequest, application: Application) -> HttpResponse:
        own = self._own_review(request, application)
        saved = own.updated_at.isoformat() if own else ""
        if request.POST.get("seen_review", saved) != saved:
            messages.warning(request, _("You have rated this in another window since; your rating is kept."))
            return HttpResponseRedirect(self._url(request, "change", application.pk) + "#ratings")
        line = self._read_queue(request)
        workflow.abstain(application, by=request.user)
        self.log_change(request, application, "Abstained.")
        messages.success(request, _("You abstain on %(name)s.") % {"name": application.full_name})
        return self._to_next_unread(request, application, line)

    # Deciding with one press

    def stage_view(self, request: HttpRequest, pk: int, status: str) -> HttpResponse:
        """Stage a move with its standard letter and go on; a rating that was chosen on the page is saved with it."""
        return require_POST(self._stage)(request, self._application(request, pk, to_change=True), status)

    def _stage(self, request: HttpRequest, application: Application, status: str) -> HttpResponse:
        if status not in Status.values:
            raise Http404
        seen_status = request.POST.get("seen_status") or application.status
        if seen_status != application.status or status not in workflow.allowed_moves(application):
            return self._not_staged(request, application, workflow.why_not(application))
        if self._was_staged_unseen(request, application):
            why = _("Nothing was done: a decision was staged since you opened this page. Look at it first.")
            return self._not_staged(request, application, why)
        if not may_be_staged_at_once(application.status, status):
            return HttpResponseRedirect(self._url(request, "decide", application.pk, status))
        line = self._read_queue(request)
        form = ReviewForm(application, self._own_review(request, application), request.POST)
        has_rated = form.says_something_new()
        if has_rated and not self._save_review(request, application, form):
            return self._review_page(request, application, review_form=form)
        if has_rated and seen_status == Status.RECEIVED:
            seen_status = Status.IN_REVIEW  # where the rating has just moved it
        try:
            decision = workflow.stage(application, status, by=request.user, seen_status=seen_status)
        except workflow.Refused as refused:
            return self._not_staged(request, application, refused.message)
        self.log_change(request, application, f"Staged: {status}.")
        self._tell_what_is_staged(request, application, decision, has_rated)
        return self._to_next_unread(request, application, line)

    @staticmethod
    def _was_staged_unseen(request: HttpRequest, application: Application) -> bool:
        """Whether a decision is staged that the page did not speak of; who has read of it may replace it."""
        seen = request.POST.get("seen_decision")
        pending = application.decisions.pending().first()
        return seen is not None and pending is not None and seen != pending.as_seen

    def _not_staged(self, request: HttpRequest, application: Application, why: str) -> HttpResponse:
        messages.error(request, why)
        return HttpResponseRedirect(self._url(request, "change", application.pk))

    def _tell_what_is_staged(
        self, request: HttpRequest, application: Application, decision: Decision, has_rated: bool
    ) -> None:
        """A line with the way back: one press clears it again."""
        context = {
            "application": application,
            "decision": decision,
            "has_rated": has_rated,
            "clear_url": self._url(request, "clear", application.pk),
        }
        line = render_to_string("admin/applications/application/includes/staged_message.html", context, request)
        messages.success(request, mark_safe(line))  # noqa: S308 - a template has escaped it

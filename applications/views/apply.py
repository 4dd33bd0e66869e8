"""The apply form: from an empty page to the student's page, whatever goes wrong on the way."""

import logging

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseFailure
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods

from applications import documents, grants, incoming, limits, workflow
from applications.client_address import sender
from applications.consent import CONSENT_VERSION, consent_text
from applications.forms import MINIMUM_TIME, ApplicationForm
from applications.models import Application, Document, email_key
from applications.statuses import Status
from applications.tokens import browser_key, nonce_of
from applications.uploadhandlers import what_was_left_out
from projects.models import Project

logger = logging.getLogger(__name__)

OTHER_PROJECTS = 3  # to which one is pointed when this one takes no applications


@require_http_methods(["GET", "HEAD", "POST"])
@gzip_page  # a third of the bytes on a slow phone; Django pads the answer, so that its length tells no secrets
@cache_control(private=True, max_age=0)  # kept by the browser's own back button, so that typed words survive it
@ensure_csrf_cookie
def apply(request: HttpRequest, slug: str) -> HttpResponse:
    published = Project.objects.published().select_related("topic", "supervisor").prefetch_related("co_advisors")
    project = get_object_or_404(published, slug=slug)
    if request.method == "POST":
        return _receive(request, project)
    if not project.is_open():
        return _not_open(request, project, status=200)
    return _begin(request, project)


def _begin(request: HttpRequest, project: Project) -> HttpResponse:
    """An empty form, or one that begins with what the student has handed in for another project (`?again=`)."""
    former = _former(request, project)
    form = ApplicationForm(project=project)
    if former is not None:
        form.initial |= {**former.answers, "email": former.email}
        if former.project_id != project.pk:
            form.initial["motivation"] = ""  # why this project is another question then
        form.hand_in_again(former.current_documents())
    page = _show(request, project, form, former=former)
    return page if former is None else _unkept(page)


def _unkept(page: HttpResponse) -> HttpResponse:
    """A page with somebody's data in it, which the browser does not keep: Back asks for it again."""
    add_never_cache_headers(page)
    return page


def _former(request: HttpRequest, project: Project) -> Application | None:
    """The application that `?again=` names, when this browser may open it: to another project, or withdrawn."""
    reference = request.GET.get("again", "")
    if not reference:
        return None
    try:
        application = grants.application_or_404(request, reference)
    except Http404:
        return None  # an empty form is of more use than a page that says what this browser may not see
    is_over = application.status == Status.WITHDRAWN
    return application if application.project_id != project.pk or is_over else None


def _bound_form(request: HttpRequest, project: Project) -> ApplicationForm:
    """The form as this POST has filled it in; its files are received when it is looked at."""
    return ApplicationForm(
        request.POST,
        request.FILES,
        project=project,
        browser=browser_key(request),
        sender=sender(request),
        own=Document.objects.filter(application__in=grants.held(request)),
        **what_was_left_out(request),
    )


def _receive(request: HttpRequest, project: Project) -> HttpResponse:
    """Answer a POST: the student's page, the form with what is to mend, or why the project takes no application."""
    nonce = _nonce(request)
    repeated = workflow.find_repeated(project, request.POST.get("email", "")[:254], nonce)
    if repeated:
        return _welcome(request, repeated)
    form = _bound_form(request, project)
    if not _takes(project, form):
        return _not_open(request, project, status=409, form=form)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        return _in_language(request, project, form, language)
    action = request.POST.get("action", "")
    if action == "begin":  # with what was meant for a project that takes no applications any more
        return _show(request, project, form.without_errors())
    if not form.is_valid():
        return _to_be_mended(request, project, form)
    if action == "preview":
        context = {"project": project, "form": form, "consent": consent_text(CONSENT_VERSION)}
        return _unkept(render(request, "applications/preview.html", context))
    if action == "edit":
        return _show(request, project, form)
    return _submit(request, project, form, nonce)


def _to_be_mended(request: HttpRequest, project: Project, form: ApplicationForm) -> HttpResponse:
    """The form with what is wrong with it."""
    if form.is_trapped:
        limits.count(limits.TURNED_AWAY, "trap")
    return _show(request, project, form, status=form.status_of_errors)


def _takes(project: Project, form: ApplicationForm) -> bool:
    return project.is_open(workflow.day_that_counts(project, form.opened_at))


def _in_language(request: HttpRequest, project: Project, form: ApplicationForm, language: str) -> HttpResponse:
    """The same form in another language, with everything that is in it and no word on what is missing yet."""
    translation.activate(language)
    request.LANGUAGE_CODE = language
    response = _show(request, project, form.without_errors())
    remember_language(response, language)
    return response


def remember_language(response: HttpResponse, language: str) -> None:
    """Let the browser bring the chosen language along from now on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )


def _submit(request: HttpRequest, project: Project, form: ApplicationForm, nonce: str) -> HttpResponse:
    try:
        if _comes_too_often(request, form):
            return _show(request, project, form, status=429)
        application = workflow.submit(
            project, answers=form.answers(), uploads=form.uploads(), nonce=nonce, opened_at=form.opened_at
        )
    except workflow.Refused as refused:
        return _refused(request, project, form, refused)
    except (DatabaseFailure, OSError):
        logger.exception("An application could not be stored.")
        form.add_error(
            None,
            ValidationError(
                _("Your application could not be stored just now, so nothing was sent. Please try again in a minute."),
                code="unavailable",
            ),
        )
        return _show(request, project, form, status=503)
    incoming.give_back(form.uploads(), sender(request))
    return _welcome(request, application)


def _refused(request: HttpRequest, project: Project, form: ApplicationForm, refused: workflow.Refused) -> HttpResponse:
    """Why this form makes no application, though everything in it is fine."""
    if refused.code == "unpublished":
        raise Http404 from refused
    if refused.code == "duplicate":
        return render(request, "applications/applied_before.html", {"project": project})
    if refused.code in Project.Availability.values:
        project.refresh_from_db()
        return _not_open(request, project, status=409)
    form.add_error(None, ValidationError(refused.message, code=refused.code))
    return _show(request, project, form)


def _comes_too_often(request: HttpRequest, form: ApplicationForm) -> bool:
    """Whether this valid form is one too many; then it says so, and when to press the button again. Else it counts.

    Attempts count, also those that are refused: nobody tries out addresses here to see which ones have applied.
    """
    who = sender(request)
    student = limits.of_student(email_key(form.cleaned_data["email"]), who)
    asked = [
        (limits.APPLICATIONS, who),
        (limits.OF_ONE_STUDENT, student),
        (limits.OF_ONE_STUDENT_A_DAY, student),
        *([(limits.QUICK, who)] if form.is_quick else []),
    ]
    wait = limits.wait_for(asked)
    if wait is None:
        limits.count_all({(limit.what, whose, 1) for limit, whose in asked})
        return False
    limits.count_turned_away(wait.limit)
    is_quick = wait.limit == limits.QUICK
    form.wait = MINIMUM_TIME.seconds if is_quick else wait.seconds
    form.add_error(None, ValidationError(_too_often_words(wait), code="too_often"))
    return True


def _too_often_words(wait: limits.Wait) -> str:
    if wait.limit == limits.QUICK:
        return _(
            "That was quicker than anybody fills in a form, and your network has sent several as quick ones. Nothing "
            "is lost, and nothing was sent yet: please press the button again in a few seconds."
        )
    if wait.limit.what == limits.OF_ONE_STUDENT.what:
        words = _(
            "Very many applications have come with this e-mail address. Nothing is lost, and nothing was sent yet: "
            "please press the button again after %(time)s."
        )
    else:
        words = _(
            "Very many applications have come from your network within an hour. Nothing is lost, and nothing was sent "
            "yet: please press the button again after %(time)s."
        )
    return words % {"time": wait.until}


def too_much(request: HttpRequest, slug: str) -> HttpResponse | None:
    """The answer to a POST of which Django read nothing, because its text or its number of fields is beyond measure.

    An empty form with the reason; None when the project takes no applications.
    """
    project = Project.objects.open().select_related("topic", "supervisor").filter(slug=slug).first()
    if project is None:
        return None
    form = ApplicationForm(project=project)
    return _show(request, project, form, status=413, too_much=True)


def not_trusted(request: HttpRequest, slug: str) -> HttpResponse | None:
    """The answer to a form that came without a valid CSRF token: shown once more with everything in it, and not sent.

    None for a project that is not there. Files are received as always: whoever can send them here can send them
    with a token of their own just as well. The page brings a new token, so that pressing the button again is enough.
    """
    project = Project.objects.published().select_related("topic", "supervisor").filter(slug=slug).first()
    if project is None:
        return None
    form = _bound_form(request, project)
    if not _takes(project, form):
        return _not_open(request, project, status=409, form=form)
    form.is_valid()
    form.add_error(
        None,
        ValidationError(
            _(
                "This page lay open for a long time, so we could not make sure that it was you who sent it. "
                "Nothing is lost, and nothing was sent yet: please look through it and press the button once more."
            ),
            code="csrf",
        ),
    )
    return _show(request, project, form, status=403)


def _welcome(request: HttpRequest, application: Application) -> HttpResponse:
    grants.give(request, application, via=grants.BY_FORM)
    return redirect(application)


def _nonce(request: HttpRequest) -> str:
    """The form's nonce, bound to the browser by its CSRF cookie; empty when the form has none.

    The session would not do: its key changes with the first answer, and when that answer is lost on the way, the
    browser tries again with the old one.
    """
    form_nonce = request.POST.get("nonce", "")[:100]
    get_token(request)
    return nonce_of(form_nonce, request.META["CSRF_COOKIE"]) if form_nonce else ""


def _show(request: HttpRequest, project: Project, form: ApplicationForm, status: int = 200, **more) -> HttpResponse:
    context = {"project": project, "form": form, "is_last_day": _is_last_day(project), **more}
    if context["is_last_day"]:
        context["grace_until"] = workflow.deadline_with_grace(project)
        context["grace_minutes"] = settings.DEADLINE_GRACE_MINUTES
    response = render(request, "applications/apply.html", context, status=status)
    if form.wait and status in (429, 503):
        response["Retry-After"] = str(form.wait)
    return response


def _is_last_day(project: Project) -> bool:
    """Whether the deadline is today, or has just passed while the form lay open."""
    return project.deadline is not None and project.deadline <= timezone.localdate()


def _written(request: HttpRequest, project: Project) -> list[tuple[str, str]]:
    """The longer texts that a refused form brought, each with its question, to be copied for another project."""
    asked = [("motivation", _("Why this project?"))]
    if request.method == "POST":
        asked += [(question.field_name, question.prompt) for question in project.questions.asked()]
    texts = [(label, request.POST.get(name, "")[:4000]) for name, label in asked]
    return [(label, text) for label, text in texts if text.strip()]


def _carried(form: ApplicationForm) -> list[tuple[str, str]]:
    """What can go along to another project's form: names and values of hidden fields, claims to files among them."""
    form.full_clean()  # receives the files
    asked_everywhere = (*Application.ANSWERS, "email")
    text = [(name, form[name].value() or "") for name in asked_everywhere]
    return text + [(f"kept_{name}", token) for name, token, _file in form.all_kept if name in documents.KIND_OF_FIELD]


def _not_open(request: HttpRequest, project: Project, status: int, form: ApplicationForm | None = None) -> HttpResponse:
    """Why no application can be handed in, where else to look, and what was already written and chosen in `form`."""
    others = list(Project.objects.open_beside(project).select_related("topic")[:OTHER_PROJECTS])
    context = {
        "carried": _carried(form) if form and others else [],
        "project": project,
        "availability": project.availability(),
        "written": _written(request, project),
        "open_projects": others,
    }
    return render(request, "applications/not_open.html", context, status=status)

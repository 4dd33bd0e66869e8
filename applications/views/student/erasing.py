"""The end, when the student wants it: “erase my application”, and “this was not me”."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from applications import grants, left_behind, letters, workflow
from applications.forms import EraseForm
from applications.models import Application, Erasure
from applications.retention import erase_on
from applications.views.student.base import form_page, gone_is_404, show_form


@form_page
@never_cache
@gone_is_404
def erase(request: HttpRequest, reference: str) -> HttpResponse:
    """Erase the application at once, or ask the supervisor to, once there is an answer on which others rely."""
    application = grants.application_or_404(request, reference)  # whoever erases it need not confirm the address
    if not application.may_be_erased_by_student():
        return _ask_for_erasure(request, application)
    form = EraseForm(request.POST if request.method == "POST" else None, application=application)
    if form.is_valid():
        if workflow.erase(
            application, cause=Erasure.Cause.STUDENT, if_still_in=Application.objects.erasable_by_student()
        ):
            return _erased(request, reference)
        application.refresh_from_db()  # an answer came in between; the page says what holds now
        return _ask_for_erasure(request, application)
    return show_form(request, application, form, "applications/erase.html")


def _ask_for_erasure(request: HttpRequest, application: Application) -> HttpResponse:
    """The page that says why the supervisor has to be asked; its button asks."""
    if "ask" not in request.POST:
        return show_form(
            request,
            application,
            None,
            "applications/ask_for_erasure.html",
            erase_on=erase_on(application),
            contact_email=letters.supervisor_email(application),
        )
    try:
        workflow.ask_for_erasure(application)
    except workflow.Refused as refused:  # it was reopened: the student can do it alone now
        messages.info(request, refused.message)
        return redirect("applications:erase", application.reference)
    messages.success(request, _("The supervisor knows that you would like your application to be erased."))
    return redirect(application)


@form_page
@never_cache
@gone_is_404
def not_me(request: HttpRequest, reference: str) -> HttpResponse:
    """“This was not me” erases, for whoever reads the mail of an address that was never confirmed."""
    application = grants.application_or_404(request, reference)
    if application.is_confirmed or not grants.came_by_link(request, application):
        raise Http404
    if not application.may_be_erased_by_student():
        return redirect("applications:erase", reference)  # where the supervisor is asked
    if request.method == "POST":
        if workflow.erase(
            application, cause=Erasure.Cause.NOT_ME, if_still_in=Application.objects.erasable_by_student()
        ):
            return _erased(request, reference)
        return redirect("applications:erase", reference)
    return show_form(request, application, None, "applications/not_me.html")


def _erased(request: HttpRequest, reference: str) -> HttpResponse:
    grants.take(request, reference)
    left_behind.forget(request, reference)
    return render(request, "applications/erased.html")

"""Withdrawing, and answering an offer."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from applications import workflow
from applications.forms import WithdrawForm
from applications.statuses import Status
from applications.views.student.base import carry_out, form_page, gone_is_404, loaded, show_form, too_late


@form_page
@never_cache
@gone_is_404
def withdraw(request: HttpRequest, reference: str) -> HttpResponse:
    application = loaded(request, reference)
    if not application.student_may_move_to(Status.WITHDRAWN):
        return too_late(request, application)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return carry_out(
            request,
            application,
            lambda: workflow.withdraw(application, form.cleaned_data["reason"]),
            _("Your application is withdrawn."),
        )
    return show_form(
        request,
        application,
        form,
        "applications/withdraw.html",
        withdrawn_days=settings.RETENTION_DAYS[Status.WITHDRAWN],
    )


@form_page
@never_cache
@gone_is_404
def accept(request: HttpRequest, reference: str) -> HttpResponse:
    application = loaded(request, reference)
    if not application.student_may_move_to(Status.ACCEPTED):
        return too_late(request, application)
    if not application.is_consented:
        messages.info(request, _("Please complete your application and agree first; then you can accept the offer."))
        return redirect("applications:complete", reference)
    if application.offer_has_lapsed and request.method != "POST":
        return redirect(application)  # which says that the day is over
    if request.method == "POST":
        return carry_out(
            request, application, lambda: workflow.accept_offer(application), _("You have accepted the offer.")
        )
    try:
        workflow.refuse_unless_place_left(application.project)
    except workflow.Refused as refused:
        messages.error(request, refused.message)
        return redirect(application)
    context = {"application": application, "project": application.project}
    return render(request, "applications/accept.html", context)

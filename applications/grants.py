"""Which applications this browser may open: kept in its session, per application and version of the manage link."""

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from applications.models import Application

SESSION_KEY = "applications"

BY_FORM = "form"  # the browser that applied
BY_LINK = "link"  # a browser that came through the manage link, so its owner reads the student's mail


def give(request: HttpRequest, application: Application, via: str) -> None:
    """Let this browser open `application`. The session gets a new key; a supervisor who is signed in stays so."""
    grants = request.session.get(SESSION_KEY, {})
    held = grants.get(application.reference, {})
    if held.get("version") == application.link_version and held.get("via") == BY_LINK:
        via = BY_LINK  # applying again never takes the stronger grant away
    grants[application.reference] = {"version": application.link_version, "via": via}
    request.session[SESSION_KEY] = grants
    request.session.set_expiry(None)  # its usual time, if it was only to hold for a day what was left behind
    request.session.cycle_key()


def take(request: HttpRequest, reference: str) -> None:
    grants = request.session.get(SESSION_KEY, {})
    if grants.pop(reference, None):
        request.session[SESSION_KEY] = grants


def holds(request: HttpRequest, application: Application) -> bool:
    held = request.session.get(SESSION_KEY, {}).get(application.reference)
    return held is not None and held["version"] == application.link_version


def held(request: HttpRequest) -> QuerySet[Application]:
    """All applications that this browser may open."""
    grants = request.session.get(SESSION_KEY, {})
    of_this_version = Q(pk=None)
    for reference, grant in grants.items():
        of_this_version |= Q(reference=reference, link_version=grant["version"])
    return Application.objects.filter(of_this_version)


def came_by_link(request: HttpRequest, application: Application) -> bool:
    return holds(request, application) and request.session[SESSION_KEY][application.reference]["via"] == BY_LINK


def application_or_404(request: HttpRequest, reference: str) -> Application:
    """The application, if this browser may open it; the same 404 for an unknown one and one of somebody else."""
    if reference not in request.session.get(SESSION_KEY, {}):
        raise Http404
    application = (
        Application.objects.select_related("project__topic", "project__supervisor")
        .prefetch_related("documents")
        .filter(reference=reference)
        .first()
    )
    if application is None or not holds(request, application):
        raise Http404
    return application

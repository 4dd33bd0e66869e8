"""Taking away what is kept about one."""

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from applications import exports, grants
from applications.models import Opening
from applications.openings import note_opened_by_reviewer
from applications.taking_away import Everything


@require_safe
@never_cache
def everything(request: HttpRequest, reference: str) -> StreamingHttpResponse:
    """All that is kept about the application, as a ZIP, for a browser that may open it. Nothing is changed.

    A reviewer who has got hold of the link is noted, as everywhere.
    """
    application = grants.application_or_404(request, reference)
    note_opened_by_reviewer(application, request.user, way=Opening.Way.EXPORTED)
    archive = Everything(application)
    answer = StreamingHttpResponse(exports.without_database(archive), content_type="application/zip")
    answer["Content-Length"] = str(len(archive))
    answer["Content-Disposition"] = content_disposition_header(True, f"{application.reference} everything.zip")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer

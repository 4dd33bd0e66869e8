"""Taking out what the list shows: the page where it is asked for, and those of exports that take longer."""

import tempfile

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from applications import exports
from applications.admin import queue
from applications.admin.base import ApplicationPages
from applications.exports.columns import COLUMNS
from applications.forms.export import ExportForm
from applications.models import Application, Export, document_storage

CONTENT_TYPES = {
    Export.Format.CSV: "text/csv; charset=utf-8",
    Export.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Export.Format.ZIP: "application/zip",
}
FORMAT_WORDS = {
    Export.Format.XLSX: gettext_lazy("To read, sort and filter in Excel, Numbers or LibreOffice."),
    Export.Format.CSV: gettext_lazy(
        "For other programs: UTF-8, with commas. "
        "An apostrophe stands before what a spreadsheet would take for a formula."
    ),
    Export.Format.ZIP: gettext_lazy("The PDFs as they were handed in, a folder for each applicant, with an index."),
}


def rows_as_listed(user, query: str) -> QuerySet[Application]:
    """The rows of the list as `user` sees it with the filters of `query`; for the worker, which has no request."""
    request = HttpRequest()
    request.method = "GET"
    request.user = user
    request.GET = QueryDict(urlencode({queue.FILTERS: query}))
    return queue.listed(admin.site.get_model_admin(Application), request)


class ExportPages(ApplicationPages):
    def get_urls(self):
        return [
            self.page("export/", self.export_view, "export"),
            self.page("export/<uuid:pk>/", self.export_job_view, "export_job"),
            self.page("export/<uuid:pk>/file/", self.export_file_view, "export_file"),
            *super().get_urls(),
        ]

    @admin.action(description=gettext_lazy("Export the ticked ones"), permissions=["view"])
    def export_ticked(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """On to the export page, with the list narrowed to the ticked rows; what it shows is asked again there."""
        filters = request.GET.copy()
        if request.POST.get("select_across") != "1":
            filters["id__in"] = ",".join(str(pk) for pk in queryset.order_by().values_list("pk", flat=True))
        page = reverse("admin:applications_application_export")
        return HttpResponseRedirect(f"{page}?{urlencode({queue.FILTERS: filters.urlencode()})}")

    # Asking

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """GET says what would be taken out; POST sends it, or leaves a long one to the worker."""
        return require_http_methods(["GET", "HEAD", "POST"])(self._export)(request)

    def _export(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        rows = queue.listed(self, request)
        form = ExportForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            pks = list(rows.values_list("pk", flat=True))
            too_many = form.cleaned_data["format"] == Export.Format.ZIP and len(pks) > exports.ZIP_MOST
            if pks and not too_many:
                return self._take_out(request, form.cleaned_data["format"], pks)
            if too_many:
                form.add_error("format", self._too_many_for_an_archive())
        return self._export_page(request, rows.count(), form)

    def _take_out(self, request: HttpRequest, export_format: str, pks: list[int]) -> HttpResponseBase:
        if not exports.is_short(export_format, len(pks)):
            export = exports.ask(request.user, export_format, request.GET.get(queue.FILTERS, ""), len(pks))
            return HttpResponseRedirect(self._url(request, "export_job", export.pk))
        if export_format == Export.Format.ZIP:
            archive = exports.Archive(pks, request.user)
            answer = StreamingHttpResponse(exports.without_database(archive))
            answer["Content-Length"] = str(len(archive))
            taken_out = archive.taken_out
        else:
            # Written to its end before the answer begins: a fault is an error page, never half a table.
            file = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115 - closed with the answer
            try:
                exports.write_table(export_format, file, pks, request.user)
            except BaseException:
                file.close()
                raise
            file.seek(0)
            answer = FileResponse(file)
            taken_out = [(pk, None) for pk in pks]
        exports.record_sent(request.user, export_format, len(pks), taken_out)
        return _as_attachment(answer, export_format, timezone.now())

    @staticmethod
    def _too_many_for_an_archive() -> str:
        return _(
            "An archive holds the documents of at most %(most)s applications. Please narrow the list, for example to "
            "one project."
        ) % {"most": f"{exports.ZIP_MOST:,}"}

    def _export_page(self, request: HttpRequest, count: int, form: ExportForm) -> HttpResponse:
        mine = Export.objects.filter(user=request.user).exclude(state=Export.State.STREAMED)
        context = {
            **self._export_context(request),
            "title": _("Export applications"),
            "count": count,
            "form": form,
            "formats": [
                {
                    "value": value,
                    "label": value.label,
                    "words": words,
                    "is_chosen": form["format"].value() == value,
                    "takes_longer": count > 0 and not exports.is_short(value, count),
                }
                for value, words in FORMAT_WORDS.items()
            ],
            "columns": [column.title for column in COLUMNS],
            "recent": [
                {"export": export, "url": self._url(request, "export_job", export.pk)}
                for export in mine.filter(created_at__gt=timezone.now() - exports.KEPT)[:5]
            ],
        }
        return TemplateResponse(request, "admin/applications/application/export.html", context)

    def _export_context(self, request: HttpRequest) -> dict:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "list_url": self._list_url(request),
            "export_url": self._url(request, "export"),
            "kept_hours": int(exports.KEPT.total_seconds() // 3600),
        }

    # Those that the worker makes

    def export_job_view(self, request: HttpRequest, pk) -> HttpResponse:
        return require_safe(self._export_job)(request, self._own_export(request, pk))

    def _export_job(self, request: HttpRequest, export: Export) -> HttpResponse:
        is_unfinished = export.state in (Export.State.QUEUED, Export.State.RUNNING)
        may_be_fetched = exports.may_be_fetched(export)
        asked_for = date_format(timezone.localtime(export.created_at), "DATETIME_FORMAT")
        context = {
            **self._export_context(request),
            "title": _("Export of %(date)s") % {"date": asked_for},
            "export": export,
            "is_unfinished": is_unfinished,
            "looks_again": is_unfinished and request.GET.get("still") != "1",
            "file_url": may_be_fetched and self._url(request, "export_file", export.pk),
            "kept_until": export.finished_at and export.finished_at + exports.KEPT,
            "still_url": f"?{urlencode({**request.GET.dict(), 'still': '1'})}",
        }
        return TemplateResponse(request, "admin/applications/application/export_job.html", context)

    def export_file_view(self, request: HttpRequest, pk) -> HttpResponseBase:
        return require_safe(self._export_file)(request, self._own_export(request, pk))

    def _export_file(self, request: HttpRequest, export: Export) -> HttpResponseBase:
        if not exports.may_be_fetched(export):
            raise Http404
        try:
            file = document_storage().open(export.file_name)
        except FileNotFoundError as error:  # removed at this moment
            raise Http404 from error
        return _as_attachment(FileResponse(file), export.format, export.created_at)

    def _own_export(self, request: HttpRequest, pk) -> Export:
        """One's own export, a superuser's eyes no exception: 403 without the model's permission, else 404."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        export = Export.objects.filter(pk=pk, user=request.user).select_related("user").first()
        if export is None:
            raise Http404
        return export


def _as_attachment(answer: HttpResponseBase, export_format: str, moment) -> HttpResponseBase:
    name = f"applications-{timezone.localtime(moment):%Y-%m-%d-%H%M}.{export_format}"
    answer["Content-Type"] = CONTENT_TYPES[Export.Format(export_format)]
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer

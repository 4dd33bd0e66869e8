from django.contrib import admin
from django.urls import include, path

from tracker import views

urlpatterns = [
    path("healthz/", views.healthz, name="healthz"),
    path("readyz/", views.readyz, name="readyz"),
    path("language/", views.language, name="language"),
    path("admin/", admin.site.urls),
    path("", include("applications.urls")),
    path("", include("projects.urls")),
]

handler400 = "tracker.views.bad_request"
handler403 = "tracker.views.forbidden"
handler404 = "tracker.views.not_found"
handler500 = "tracker.views.server_error"

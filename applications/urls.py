from django.urls import path

from applications import views

app_name = "applications"
urlpatterns = [
    path("projects/<slug:slug>/apply/", views.apply, name="apply"),
    path("applications/find/", views.find, name="find"),
    path("applications/open/<str:token>/", views.open_link, name="open"),
    path("applications/<str:reference>/", views.page, name="page"),
    path("applications/<str:reference>/confirm/", views.confirm, name="confirm"),
    path("applications/<str:reference>/not-me/", views.not_me, name="not_me"),
    path("applications/<str:reference>/address/", views.address, name="address"),
    path("applications/<str:reference>/answers/", views.answers, name="answers"),
    path("applications/<str:reference>/documents/", views.documents, name="documents"),
    path("applications/<str:reference>/complete/", views.complete, name="complete"),
    path("applications/<str:reference>/withdraw/", views.withdraw, name="withdraw"),
    path("applications/<str:reference>/accept/", views.accept, name="accept"),
    path("invitations/", views.invitation, name="invitation"),
    path("invitations/<str:token>/", views.open_invitation, name="open_invitation"),
    path("documents/<uuid:pk>/", views.document, name="document"),
    path("documents/<uuid:pk>/pages/<int:number>/", views.page_image, name="page_image"),
    path("privacy/", views.privacy, name="privacy"),
]

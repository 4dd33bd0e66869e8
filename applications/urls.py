from django.urls import path

from applications import views

app_name = "applications"
urlpatterns = [
    path("projects/<slug:slug>/apply/", views.apply, name="apply"),
    path("projects/<slug:slug>/apply/files/", views.begin_file, name="begin_file"),
    path("projects/<slug:slug>/apply/files/<uuid:pk>/", views.file_piece, name="file_piece"),
    path("uploads/<uuid:pk>/", views.upload, name="upload"),
    path("uploads/<uuid:pk>/remove/", views.remove_upload, name="remove_upload"),
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
    path("applications/<str:reference>/ask/", views.ask, name="ask"),
    path("applications/<str:reference>/receipt/", views.receipt, name="receipt"),
    path("applications/<str:reference>/link/", views.renew, name="renew_link"),
    path("applications/<str:reference>/erase/", views.erase, name="erase"),
    path("applications/<str:reference>/everything/", views.everything, name="everything"),
    path("invitations/", views.invitation, name="invitation"),
    path("invitations/<str:token>/", views.open_invitation, name="open_invitation"),
    path("documents/<uuid:pk>/", views.document, name="document"),
    path("documents/<uuid:pk>/pages/<int:number>/", views.page_image, name="page_image"),
    path("privacy/", views.privacy, name="privacy"),
]

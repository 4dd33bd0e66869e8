"""One table of every admin address and what each role gets there. A new address fails here until it is in the table."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from applications.models import Erasure, Export, Letter, LetterWording
from projects.models import HomePage

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ROLES = ["anonymous", "student", "staff_without_rights", "other_supervisor", "co_advisor", "supervisor", "superuser"]

# Expected answers in the order of ROLES. 302 for anonymous people and people without staff access: to sign in.
EVERYBODY = [200] * 7
LEADS_ELSEWHERE = [302] * 7
EVERY_STAFF_MEMBER = [302, 302, 200, 200, 200, 200, 200]
SUPERUSERS_ONLY = [302, 302, 403, 403, 403, 403, 200]
NOBODY = [302, 302, 403, 403, 403, 403, 403]
REVIEWERS_LIST = [302, 302, 403, 200, 200, 200, 200]  # the list itself; other tests say what stands in it
REVIEWERS_OF_THIS = [302, 302, 403, 404, 200, 200, 200]
SUPERVISORS_LIST = [302, 302, 403, 200, 403, 200, 200]
POSTED_BY_SUPERVISORS = [302, 302, 403, 405, 403, 405, 405]
SUPERVISOR_OF_THIS = [302, 302, 403, 404, 403, 200, 200]
OWN_EXPORT = [302, 302, 403, 404, 404, 200, 404]  # the supervisor's: not even a superuser gets another one's


def row(name: str, args, method: str, expected: list[int]):
    return pytest.param(name, args, method, expected, id=f"{method} {name}")


def no_args(things) -> list:
    return []


def of(kind: str):
    return lambda things: [things[kind].pk]


def of_both(kind: str, other: str):
    return lambda things: [things[kind].pk, things[other].pk]


TABLE = [
    row("index", no_args, "get", EVERY_STAFF_MEMBER),
    row("login", no_args, "get", [200, 200, 302, 302, 302, 302, 302]),
    row("logout", no_args, "get", [302, 302, 405, 405, 405, 405, 405]),
    row("password_change", no_args, "get", EVERY_STAFF_MEMBER),
    row("password_change_done", no_args, "get", EVERY_STAFF_MEMBER),
    row("jsi18n", no_args, "get", EVERY_STAFF_MEMBER),
    row("autocomplete", no_args, "get", [302, 302, 403, 403, 403, 403, 403]),
    row("app_list", lambda things: ["applications"], "get", [302, 302, 404, 200, 200, 200, 200]),
    row("app_list", lambda things: ["projects"], "get", [302, 302, 404, 200, 200, 200, 200]),
    row("app_list", lambda things: ["auth"], "get", [302, 302, 404, 404, 404, 404, 200]),
    # signing in; everybody has these pages for their own account, and nobody for another's
    row("login_code", no_args, "get", LEADS_ELSEWHERE),  # nobody is half signed in
    row("login_code", no_args, "post", LEADS_ELSEWHERE),
    row("password_reset", no_args, "get", EVERYBODY),
    row("password_reset", no_args, "post", EVERYBODY),  # no name is given
    row("password_reset_new", no_args, "get", [404] * 7),  # nobody has come with a link
    row("password_reset_new", no_args, "post", [404] * 7),
    row("password_reset_open", lambda things: ["no-token"], "get", [404] * 7),
    row("password_reset_open", lambda things: ["no-token"], "post", [405] * 7),
    *[
        row(page, no_args, method, expected)
        for page, expected in (
            ("security_app", EVERY_STAFF_MEMBER),
            ("security_elsewhere", EVERY_STAFF_MEMBER),
            ("security_codes", LEADS_ELSEWHERE),  # there is no second factor yet
            ("security_remove", LEADS_ELSEWHERE),
            ("typed", LEADS_ELSEWHERE),  # nothing is kept
        )
        for method in ("get", "post")  # 200: the password is not given
    ],
    row("security", no_args, "get", EVERY_STAFF_MEMBER),
    row("security", no_args, "post", [302, 302, 405, 405, 405, 405, 405]),
    row("preferences", no_args, "get", REVIEWERS_LIST),
    row("preferences", no_args, "post", REVIEWERS_LIST),  # 200: nothing is chosen
    # applications
    row("applications_application_changelist", no_args, "get", REVIEWERS_LIST),
    row("applications_application_add", no_args, "get", REVIEWERS_LIST),
    row("applications_application_add", no_args, "post", REVIEWERS_LIST),  # 200: the form is empty
    row("applications_application_change", of("application"), "get", REVIEWERS_OF_THIS),
    row("applications_application_change", of("application"), "post", [302, 302, 403, 404, 405, 405, 405]),
    row("applications_application_history", of("application"), "get", REVIEWERS_OF_THIS),
    row("applications_application_delete", of("application"), "get", NOBODY),
    row("applications_application_delete", of("application"), "post", NOBODY),
    row(
        "applications_application_decide",
        lambda things: [things["application"].pk, "interview"],
        "get",
        REVIEWERS_OF_THIS,
    ),
    row(
        "applications_application_decide",
        lambda things: [things["application"].pk, "no-such-status"],
        "get",
        [302, 302, 403, 404, 404, 404, 404],
    ),
    row(
        "applications_application_decide",
        lambda things: [things["application"].pk, "interview"],
        "post",
        [302, 302, 403, 404, 200, 200, 200],  # 200: the form asks whether to send
    ),
    row("applications_application_note", of("application"), "get", [302, 302, 403, 404, 405, 405, 405]),
    row("applications_application_note", of("application"), "post", REVIEWERS_OF_THIS),  # 200: the note is empty
    row("applications_application_review", of("application"), "get", [302, 302, 403, 404, 405, 405, 405]),
    row("applications_application_review", of("application"), "post", REVIEWERS_OF_THIS),  # 200: no rating is chosen
    row("applications_application_staged", of("application"), "get", [302, 302, 403, 404, 302, 302, 302]),  # none is
    row("applications_application_staged", of("application"), "post", [302, 302, 403, 404, 302, 302, 302]),
    row("applications_application_clear", of("application"), "get", [302, 302, 403, 404, 405, 405, 405]),
    row("applications_application_clear", of("application"), "post", [302, 302, 403, 404, 302, 302, 302]),
    row("applications_application_undo", of("application"), "get", [302, 302, 403, 404, 302, 302, 302]),  # nothing told
    row("applications_application_undo", of("application"), "post", [302, 302, 403, 404, 302, 302, 302]),
    row("applications_application_release", no_args, "get", REVIEWERS_LIST),
    row("applications_application_release", no_args, "post", [302, 302, 403, 302, 302, 302, 302]),
    row("applications_application_release", no_args, "put", [302, 302, 403, 405, 405, 405, 405]),
    row("applications_application_call_back", of("application"), "get", [302, 302, 403, 404, 405, 405, 405]),
    row("applications_application_call_back", of("application"), "post", [302, 302, 403, 404, 302, 302, 302]),
    *[
        row(f"applications_application_{deed}", of("application"), method, expected)
        for deed in ("star", "skip", "abstain")
        for method, expected in (
            ("get", [302, 302, 403, 404, 405, 405, 405]),
            ("post", [302, 302, 403, 404, 302, 302, 302]),
        )
    ],
    *[
        row(f"applications_application_{deed}", of("application"), method, expected)
        for deed in ("settle", "take", "leave")  # 302: nothing waits and nothing is offered
        for method, expected in (
            ("get", [302, 302, 403, 404, 405, 405, 405]),
            ("post", [302, 302, 403, 404, 302, 302, 302]),
        )
    ],
    *[
        row(f"applications_application_{deed}", of("application"), method, expected)
        for deed in ("write", "documents")
        for method, expected in (
            ("get", [302, 302, 403, 404, 405, 405, 405]),
            ("post", REVIEWERS_OF_THIS),  # 200: nothing is written, no file is chosen
        )
    ],
    *[
        row(f"applications_application_{deed}", of("application"), method, expected)
        for deed in ("ask", "transfer")
        for method, expected in (
            ("get", [302, 302, 403, 404, 403, 405, 405]),
            ("post", SUPERVISOR_OF_THIS),  # 200: nobody and nothing is chosen
        )
    ],
    row(
        "applications_application_stage",
        lambda things: [things["application"].pk, "interview"],
        "get",
        [302, 302, 403, 404, 405, 405, 405],
    ),
    row(
        "applications_application_stage",
        lambda things: [things["application"].pk, "interview"],
        "post",
        [302, 302, 403, 404, 302, 302, 302],
    ),
    row(
        "applications_application_stage",
        lambda things: [things["application"].pk, "no-such-status"],
        "post",
        [302, 302, 403, 404, 404, 404, 404],
    ),
    # without chosen applications, or with foreign ones only, they lead back to the list
    *[
        row(f"applications_application_{page}", args, method, [302, 302, 403, 302, 302, 302, 302])
        for page, args in (
            ("bulk_stage", lambda things: ["declined"]),
            ("bulk_clear", no_args),
            ("bulk_ask", no_args),
            ("compare", no_args),
        )
        for method in ("get", "post")
    ],
    row("applications_application_bulk_stage", lambda things: ["accepted"], "get", [302, 302, 403, 404, 404, 404, 404]),
    row("applications_application_erase", of("application"), "get", SUPERVISOR_OF_THIS),
    row("applications_application_erase", of("application"), "post", [302, 302, 403, 404, 403, 302, 302]),
    # exports
    row("applications_application_export", no_args, "get", REVIEWERS_LIST),
    row("applications_application_export", no_args, "post", REVIEWERS_LIST),  # 200: no format is chosen
    row("applications_application_export_job", of("export"), "get", OWN_EXPORT),
    row("applications_application_export_job", of("export"), "post", [302, 302, 403, 404, 404, 405, 404]),
    row("applications_application_export_file", of("export"), "get", [302, 302, 403, 404, 404, 404, 404]),  # sent
    row("applications_application_export_file", of("export"), "post", [302, 302, 403, 404, 404, 405, 404]),
    row("applications_export_changelist", no_args, "get", SUPERUSERS_ONLY),
    row("applications_export_add", no_args, "get", NOBODY),
    row("applications_export_change", of("export"), "get", SUPERUSERS_ONLY),
    row("applications_export_history", of("export"), "get", SUPERUSERS_ONLY),
    row("applications_export_delete", of("export"), "get", NOBODY),
    # the record of erasures
    row("applications_erasure_changelist", no_args, "get", SUPERUSERS_ONLY),
    row("applications_erasure_add", no_args, "get", NOBODY),
    row("applications_erasure_change", of("erasure"), "get", SUPERUSERS_ONLY),
    row("applications_erasure_change", of("erasure"), "post", NOBODY),
    row("applications_erasure_history", of("erasure"), "get", SUPERUSERS_ONLY),
    row("applications_erasure_delete", of("erasure"), "get", NOBODY),
    row("applications_erasure_delete", of("erasure"), "post", NOBODY),
    # letters
    row("applications_letter_changelist", no_args, "get", REVIEWERS_LIST),
    row("applications_letter_add", no_args, "get", NOBODY),
    row("applications_letter_change", of("letter"), "get", REVIEWERS_OF_THIS),
    row("applications_letter_history", of("letter"), "get", REVIEWERS_OF_THIS),
    row("applications_letter_delete", of("letter"), "get", NOBODY),
    row("applications_letter_send_again", of("letter"), "get", [302, 302, 403, 404, 403, 405, 405]),
    row("applications_letter_send_again", of("letter"), "post", [302, 302, 403, 404, 403, 302, 302]),
    # the words of the letters
    row("applications_letterwording_changelist", no_args, "get", SUPERVISORS_LIST),
    row("applications_letterwording_add", no_args, "get", [302, 302, 403, 302, 403, 302, 302]),  # leads to the list
    row("applications_letterwording_change", of("wording"), "get", [302, 302, 403, 302, 403, 302, 302]),  # to the words
    row("applications_letterwording_history", of("wording"), "get", SUPERVISORS_LIST),
    row("applications_letterwording_delete", of("wording"), "get", SUPERVISORS_LIST),
    row("applications_letterwording_edit", lambda things: ["offered", "en"], "get", SUPERVISORS_LIST),
    row("applications_letterwording_edit", lambda things: ["none", "en"], "get", [302, 302, 403, 404, 403, 404, 404]),
    row("applications_letterwording_edit", lambda things: ["offered", "en"], "post", SUPERVISORS_LIST),  # 200: empty
    row("applications_letterwording_preview", lambda things: ["offered", "en"], "get", POSTED_BY_SUPERVISORS),
    row("applications_letterwording_preview", lambda things: ["offered", "en"], "post", SUPERVISORS_LIST),
    row("applications_letterwording_test", lambda things: ["offered", "en"], "get", POSTED_BY_SUPERVISORS),
    row("applications_letterwording_test", lambda things: ["offered", "en"], "post", SUPERVISORS_LIST),  # 200: empty
    # the catalogue: what stands in it is public, so every reviewer may look; tests/projects say who may change what
    row("projects_project_changelist", no_args, "get", REVIEWERS_LIST),
    row("projects_project_add", no_args, "get", SUPERVISORS_LIST),
    row("projects_project_change", of("project"), "get", REVIEWERS_OF_THIS),
    row("projects_project_history", of("project"), "get", REVIEWERS_OF_THIS),
    row("projects_project_delete", of("project"), "get", SUPERVISOR_OF_THIS),
    row("projects_project_invite", of_both("project", "co_advisor_entry"), "get", [302, 302, 403, 404, 403, 405, 405]),
    row("projects_project_invite", of_both("project", "co_advisor_entry"), "post", [302, 302, 403, 404, 403, 302, 302]),
    row("projects_project_close", of("project"), "get", [302, 302, 403, 404, 403, 405, 405]),
    row("projects_project_close", of("project"), "post", [302, 302, 403, 404, 403, 302, 302]),
    row("projects_project_remaining", of("project"), "get", SUPERVISOR_OF_THIS),
    row("projects_project_remaining", of("project"), "post", [302, 302, 403, 404, 403, 302, 302]),  # nobody is ticked
    row("projects_project_reopen", of("project"), "get", [302, 302, 403, 404, 403, 405, 405]),
    row("projects_project_reopen", of("project"), "post", [302, 302, 403, 404, 403, 302, 302]),
    row("projects_topic_changelist", no_args, "get", REVIEWERS_LIST),
    row("projects_topic_add", no_args, "get", SUPERVISORS_LIST),
    row("projects_topic_change", of("topic"), "get", REVIEWERS_LIST),
    row("projects_topic_change", of("topic"), "post", SUPERUSERS_ONLY),  # 200: the form comes back, its name is missing
    row("projects_topic_history", of("topic"), "get", REVIEWERS_LIST),
    row("projects_topic_delete", of("topic"), "get", SUPERUSERS_ONLY),
    row("projects_coadvisor_changelist", no_args, "get", REVIEWERS_LIST),
    row("projects_coadvisor_add", no_args, "get", SUPERVISORS_LIST),
    row("projects_coadvisor_change", of("co_advisor_entry"), "get", REVIEWERS_LIST),
    row("projects_coadvisor_change", of("co_advisor_entry"), "post", [302, 302, 403, 403, 403, 200, 200]),
    row("projects_coadvisor_history", of("co_advisor_entry"), "get", REVIEWERS_LIST),
    row("projects_coadvisor_delete", of("co_advisor_entry"), "get", [302, 302, 403, 403, 403, 200, 200]),
    row("projects_homepage_changelist", no_args, "get", [302, 302, 403, 403, 403, 403, 302]),  # leads to the one row
    row("projects_homepage_add", no_args, "get", NOBODY),  # there is one already
    row("projects_homepage_change", of("home_page"), "get", SUPERUSERS_ONLY),
    row("projects_homepage_history", of("home_page"), "get", SUPERUSERS_ONLY),
    row("projects_homepage_delete", of("home_page"), "get", NOBODY),
    # accounts
    *[
        row(f"auth_{model}_{page}", no_args, "get", SUPERUSERS_ONLY)
        for model in ("user", "group")
        for page in ("changelist", "add")
    ],
    *[
        row(f"auth_{model}_{page}", of(model), "get", SUPERUSERS_ONLY)
        for model in ("user", "group")
        for page in ("change", "delete", "history")
    ],
    row("auth_user_password_change", of("colleague"), "get", SUPERUSERS_ONLY),
    *[
        row("auth_user_second_factor", of("colleague"), method, [302, 302, 403, 403, 403, 403, 302])  # there is none
        for method in ("get", "post")
    ],
]


def admin_names() -> set[str]:
    """The name of every address of the admin, however deep."""

    def walk(patterns):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            elif isinstance(pattern, URLPattern) and pattern.name:
                yield pattern.name

    return set(walk(admin.site.get_urls()))


def test_every_admin_address_is_in_the_table():
    in_table = {param.values[0] for param in TABLE}

    assert admin_names() - in_table == set()
    assert in_table - admin_names() == set()


@pytest.fixture
def things(application, superuser):
    return {
        "application": application,
        "project": application.project,
        "topic": application.project.topic,
        "co_advisor_entry": application.project.co_advisors.get(),
        "home_page": HomePage.objects.create(introduction="About the research."),
        "wording": LetterWording.objects.create(kind="declined", subject="{reference}", body="{project}"),
        "letter": Letter.objects.filter(application=application).first(),
        "export": Export.objects.create(user=application.project.supervisor, format="csv", state="streamed"),
        "erasure": Erasure.objects.create(
            cause="expired", status="declined", received_on="2026-01-01", documents=2, letters=3
        ),
        "user": superuser,
        "colleague": application.project.supervisor,
        "group": Group.objects.first(),
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("name", "args", "method", "expected"), TABLE)
def test_each_role_gets_what_the_table_says(request, client, things, name, args, method, expected, role):
    if role == "student":
        client.force_login(request.getfixturevalue("user_without_staff_access"))
    elif role != "anonymous":
        client.force_login(request.getfixturevalue(role))

    response = getattr(client, method)(reverse(f"admin:{name}", args=args(things)))

    assert response.status_code == expected[ROLES.index(role)]
    if response.status_code == 302 and role in ("anonymous", "student") and name != "logout":
        assert response["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("model", ["user", "group"])
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_an_account_or_group_that_is_not_there_is_not_found(client, superuser, model, page):
    client.force_login(superuser)

    assert client.get(reverse(f"admin:auth_{model}_{page}", args=[987654])).status_code == 404


def test_an_unknown_admin_address_is_not_found_for_staff(client, supervisor):
    client.force_login(supervisor)

    assert client.get("/admin/no/such/page/").status_code == 404
    with pytest.raises(NoReverseMatch):
        reverse("admin:no_such_page")

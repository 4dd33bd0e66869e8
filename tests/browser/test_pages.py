"""Every page of the main job keeps the policy and the rules of accessibility, wide and narrow, light and dark."""

import pytest

from applications import workflow
from applications.tokens import manage_token
from tests.browser.pages import assert_page_is_sound, at_each_width, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@at_each_width
def test_public_pages_are_sound(open_browser, project, width):
    page = open_browser(width=width)

    for address in (
        "/",
        "/?q=nothing-fits",
        project.get_absolute_url(),
        "/applications/find/",
        "/privacy/",
        "/no/page/",
        "/admin/login/",
    ):
        page.goto(address)
        assert_page_is_sound(page)


@at_each_width
def test_a_wide_description_does_not_make_the_page_wider(open_browser, project, width):
    cells = " | ".join(["a rather wide cell"] * 12)
    dashes = " | ".join(["---"] * 12)
    project.description = f"Run:\n\n    {'python -m align ' * 12}\n\n{cells}\n{dashes}\n{cells}\n\n{'unbroken' * 40}"
    project.save()
    page = open_browser(width=width)

    page.goto(project.get_absolute_url())

    assert page.locator("pre").is_visible()
    assert page.locator("table").is_visible()
    assert_page_is_sound(page)


@at_each_width
def test_the_form_is_sound_empty_and_with_errors(open_browser, project, width):
    page = open_browser(width=width)

    page.goto(f"{project.get_absolute_url()}apply/")
    assert_page_is_sound(page)
    page.get_by_role("button", name="Send application").click()
    page.get_by_role("alert").wait_for()
    assert_page_is_sound(page)


@at_each_width
def test_the_students_pages_are_sound(open_browser, application, width):
    page = open_browser(width=width)

    page.goto(f"/applications/open/{manage_token(application)}/")
    assert_page_is_sound(page)
    for below in ("documents/", "answers/", "address/", "withdraw/", "not-me/", "ask/", "receipt/", "link/", "erase/"):
        page.goto(f"/applications/{application.reference}/{below}")
        assert_page_is_sound(page)


@at_each_width
def test_the_students_page_is_sound_with_all_that_can_stand_on_it(
    open_browser, application, other_project, supervisor, make_uploads, width
):
    workflow.replace_documents(application, make_uploads()[:1])
    workflow.ask_reviewers(application, f"May I begin in May? See https://example.org/{'long' * 40}")
    workflow.write(application, subject="Your question", body="Yes, in May.", by=supervisor)
    workflow.ask_reviewers(application, "And with a desk?")
    workflow.offer_documents(application, make_uploads())
    page = open_browser(width=width)

    page.goto(f"/applications/open/{manage_token(application)}/")
    assert page.get_by_text("Not answered yet.").is_visible()
    page.get_by_text("1 former document").click()
    assert_page_is_sound(page)
    for below in ("documents/", "receipt/"):
        page.goto(f"/applications/{application.reference}/{below}")
        assert_page_is_sound(page)
    workflow.decide(application, "declined", by=supervisor)
    workflow.ask_for_erasure(application)
    for below in ("", "erase/"):
        page.goto(f"/applications/{application.reference}/{below}")
        assert_page_is_sound(page)


def test_the_receipt_fits_on_a4_without_navigation(page, application):
    page.goto(f"/applications/open/{manage_token(application)}/")
    page.get_by_role("link", name="Receipt to print").click()
    page.emulate_media(media="print")

    assert page.get_by_role("heading", name="Receipt").is_visible()
    for not_on_paper in (".site-header", ".site-footer", ".receipt-hint", ".skip-link"):
        assert not page.locator(not_on_paper).is_visible(), not_on_paper
    assert page.locator("form:visible").count() == 0


@at_each_width
def test_the_review_side_is_sound(open_browser, supervisor, application, width):
    page = open_browser(width=width)
    sign_in(page, supervisor)

    letter = application.letters.first()
    for address in (
        "/admin/",
        "/admin/applications/application/",
        "/admin/applications/application/?q=nobody",
        f"/admin/applications/application/{application.pk}/change/",
        f"/admin/applications/application/{application.pk}/decide/declined/",
        f"/admin/applications/application/{application.pk}/erase/",
        "/admin/applications/letter/",
        f"/admin/applications/letter/{letter.pk}/change/",
        "/admin/projects/project/",
        f"/admin/projects/project/{application.project_id}/change/",
    ):
        page.goto(address)
        assert_page_is_sound(page)


@at_each_width
def test_the_accounts_and_the_catalogues_words_are_sound(open_browser, superuser, project, width):
    page = open_browser(width=width)
    sign_in(page, superuser)

    for address in (
        "/admin/auth/user/",
        "/admin/auth/user/add/",
        f"/admin/auth/user/{superuser.pk}/change/",
        "/admin/projects/homepage/",
        "/admin/projects/topic/",
        "/admin/projects/topic/add/",
        "/admin/projects/coadvisor/",
        f"/admin/projects/coadvisor/{project.co_advisors.get().pk}/change/",
        "/admin/projects/project/add/",
        "/admin/password_change/",
    ):
        page.goto(address)
        assert_page_is_sound(page)


def test_the_manage_link_leaves_no_token_in_the_address_bar(page, application):
    token = manage_token(application)

    page.goto(f"/applications/open/{token}/")

    assert token not in page.url
    assert token not in page.content()

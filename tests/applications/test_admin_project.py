"""A project's page for those who review: criteria with weights, and accounts for co-advisors."""

import pytest

from applications import invitations, workflow
from applications.models import Application, Invitation, Letter, Review
from projects.models import CoAdvisor, Criterion

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def page(project) -> str:
    return f"/admin/projects/project/{project.pk}/change/"


@pytest.fixture
def save(signed_in, supervisor, project):
    """Save the project's form with these criteria: (name, weight), or an existing criterion with changes."""

    def send(*rows: dict, by=supervisor):
        fields = {
            "title": project.title, "topic": project.topic_id, "co_advisors": [c.pk for c in project.co_advisors.all()],
            "description": "", "proposal_url": "", "tags": "", "opens_on": "", "deadline": "", "places": "",
            "position": "0", "slug": project.slug, "is_published": "on",
            "questions-TOTAL_FORMS": 0, "questions-INITIAL_FORMS": 0,
            "criteria-TOTAL_FORMS": len(rows), "criteria-INITIAL_FORMS": sum("id" in row for row in rows),
        }  # fmt: skip
        for number, row in enumerate(rows):
            fields |= {f"criteria-{number}-{name}": value for name, value in {"project": project.pk, **row}.items()}
        return signed_in(by).post(page(project), fields)

    return send


def new(name: str, weight: int | str = 1) -> dict:
    return {"name": name, "weight": weight}


def kept(criterion: Criterion, **changed) -> dict:
    return {"id": criterion.pk, "name": criterion.name, "weight": criterion.weight, **changed}


@pytest.fixture
def criteria(project) -> list[Criterion]:
    names = ["Mathematics", "Programming", "Motivation"]
    return [Criterion.objects.create(project=project, name=n, position=i) for i, n in enumerate(names)]


# Criteria


def test_three_to_five_criteria_are_kept_in_their_order(save, project):
    assert save(new("Mathematics", 2), new("Programming", 10), new("Writing")).status_code == 302
    assert list(project.criteria.values_list("name", "weight", "position")) == [
        ("Mathematics", 2, 0),
        ("Programming", 10, 1),
        ("Writing", 1, 2),
    ]


@pytest.mark.parametrize("number", [1, 2])
def test_one_or_two_criteria_are_refused_in_words(save, project, number):
    response = save(*[new(f"Number {n}") for n in range(number)])
    assert "Give three to five, or none." in response.content.decode()
    faulty = [section for section in response.context["inline_admin_formsets"] if section.formset.non_form_errors()]
    assert [section.is_collapsible for section in faulty] == [False], "an error that nobody sees"
    assert not project.criteria.exists()


def test_six_criteria_are_refused(save, project):
    response = save(*[new(f"Number {n}") for n in range(6)])
    assert response.status_code == 200
    assert not project.criteria.exists()


@pytest.mark.parametrize("weight", ["0", "11", "-1", "much", ""])
def test_a_weight_is_a_number_from_1_to_10(save, project, weight):
    assert save(new("One", weight), new("Two"), new("Three")).status_code == 200
    assert not project.criteria.exists()


def test_two_criteria_of_one_name_are_refused(save, project):
    assert save(new("Same"), new("Same"), new("Other")).status_code == 200
    assert not project.criteria.exists()


def test_criteria_can_be_taken_away_altogether(save, project, criteria):
    assert save(*[kept(criterion, DELETE="on") for criterion in criteria]).status_code == 302
    assert not project.criteria.exists()


def test_a_changed_weight_recalculates_what_the_reviews_come_to(save, application, criteria, co_advisor):
    scores = {criteria[0].pk: 5, criteria[1].pk: 1, criteria[2].pk: None}
    workflow.review(application, rating=3, by=co_advisor, scores=scores)
    assert Review.objects.get().score == 3.0

    assert save(kept(criteria[0], weight=3, name="Maths"), kept(criteria[1]), kept(criteria[2])).status_code == 302

    assert Review.objects.get().score == 4.0
    assert Application.objects.get().score_mean == 4.0


def test_a_criterion_that_has_scores_is_not_deleted_and_the_page_says_why(
    save, project, application, criteria, co_advisor
):
    extra = Criterion.objects.create(project=project, name="Writing", position=3)
    workflow.review(application, rating=3, by=co_advisor, scores={criteria[0].pk: 5})
    response = save(kept(criteria[0], DELETE="on"), *[kept(c) for c in [*criteria[1:], extra]])
    text = response.content.decode()
    assert response.status_code == 200
    assert "Reviewers have given scores for “Mathematics” already" in text
    assert "protected related" not in text
    assert project.criteria.count() == 4
    assert save(*[kept(c) for c in criteria], kept(extra, DELETE="on")).status_code == 302
    assert project.criteria.count() == 3


def test_a_co_advisor_sees_the_criteria_and_changes_none(save, signed_in, project, criteria, co_advisor):
    text = signed_in(co_advisor).get(page(project)).content.decode()
    assert "Mathematics" in text
    assert "criteria-0-name" not in text
    assert save(kept(criteria[0], name="Hacked"), *[kept(c) for c in criteria[1:]], by=co_advisor).status_code == 403
    criteria[0].refresh_from_db()
    assert criteria[0].name == "Mathematics"


def test_criteria_of_another_project_are_not_reached_by_their_key(save, other_project, criteria):
    foreign = Criterion.objects.create(project=other_project, name="Foreign")
    save(kept(foreign, name="Hacked"), *[kept(c) for c in criteria[1:]])
    foreign.refresh_from_db()
    assert (foreign.name, foreign.project) == ("Foreign", other_project)


# Co-advisors' accounts


@pytest.fixture
def cora(project) -> CoAdvisor:
    entry = CoAdvisor.objects.create(name="Cora Newcomer", email="cora@example.org")
    project.co_advisors.add(entry)
    return entry


def invite_address(project, entry) -> str:
    return f"/admin/projects/project/{project.pk}/invite/{entry.pk}/"


def test_the_panel_says_how_far_each_co_advisor_is(signed_in, supervisor, project, cora):
    browser = signed_in(supervisor)
    text = browser.get(page(project)).content.decode()
    assert "reviews with an account of their own" in text  # Carl
    assert "no account yet" in text
    assert "Invite to review" in text
    assert invite_address(project, cora) in text

    response = browser.post(invite_address(project, cora))

    assert response["Location"] == page(project)
    text = browser.get(page(project)).content.decode()
    assert "The invitation is on its way to cora@example.org." in text
    assert "invited on" in text
    assert "Invite again" in text
    assert Letter.objects.filter(kind="invitation", recipient="cora@example.org").count() == 1


def test_an_entry_without_address_is_asked_for_one(signed_in, supervisor, project, cora):
    CoAdvisor.objects.filter(pk=cora.pk).update(email="")
    text = signed_in(supervisor).get(page(project)).content.decode()
    assert "Add the address" in text
    assert f"/admin/projects/coadvisor/{cora.pk}/change/" in text
    assert invite_address(project, cora) not in text


def test_an_entry_on_foreign_projects_is_left_to_the_administrator(signed_in, supervisor, project, other_project, cora):
    other_project.co_advisors.add(cora)
    browser = signed_in(supervisor)
    assert "please ask the administrator" in browser.get(page(project)).content.decode()
    browser.post(invite_address(project, cora))
    assert not Invitation.objects.exists()


def test_a_refused_invitation_says_why(signed_in, supervisor, project, cora):
    for _ in range(3):
        invitations.invite(cora, project, by=supervisor)
    response = signed_in(supervisor).post(invite_address(project, cora), follow=True)
    assert "has been invited several times within an hour" in response.content.decode()
    assert Invitation.objects.count() == 3


def test_who_does_not_change_the_project_sees_no_panel_and_invites_nobody(signed_in, co_advisor, project, cora):
    browser = signed_in(co_advisor)
    assert "co-advisor-accounts" not in browser.get(page(project)).content.decode()
    assert browser.post(invite_address(project, cora)).status_code == 403
    assert not Invitation.objects.exists()


def test_somebody_who_is_not_on_the_project_is_not_invited_to_it(signed_in, supervisor, project):
    stranger = CoAdvisor.objects.create(name="Sam Stranger", email="sam@example.org")
    assert signed_in(supervisor).post(invite_address(project, stranger)).status_code == 404
    assert not Invitation.objects.exists()


def test_a_second_co_advisor_costs_the_page_no_further_query(
    signed_in, supervisor, project, cora, django_assert_num_queries, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser = signed_in(supervisor)
    browser.get(page(project))
    with CaptureQueriesContext(connection) as few:
        browser.get(page(project))
    for number in range(5):
        entry = CoAdvisor.objects.create(name=f"Person {number}", email=f"p{number}@example.org")
        project.co_advisors.add(entry)
    with CaptureQueriesContext(connection) as many:
        browser.get(page(project))
    assert len(many) == len(few)

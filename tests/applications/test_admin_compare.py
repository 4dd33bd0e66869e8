"""Two to six applications side by side: what one sees of each, and what is decided there."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages

from applications import workflow
from applications.models import Application, Decision, Rendition, Review
from applications.statuses import Status
from projects.models import Criterion

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/applications/application/"
COMPARE = f"{LIST}compare/"


@pytest.fixture
def ada_bob_eve(make_application) -> list[Application]:
    names = ("Ada", "Bob", "Eve")
    return [make_application(full_name=f"{name} Example", email=f"{name}@example.org") for name in names]


@pytest.fixture
def desk(client, supervisor):
    client.force_login(supervisor)
    return client


def compare(client, applications):
    return client.get(COMPARE, {"ids": ",".join(str(each.pk) for each in applications)})


def pick(client, response, **fields):
    return client.post(COMPARE, {"chosen": response.context["form"]["chosen"].value(), **fields})


def told(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def staged() -> dict[str, str]:
    return {each.application.full_name.split()[0]: each.to_status for each in Decision.objects.staged()}


def test_the_action_of_the_list_leads_to_the_comparison(desk, ada_bob_eve):
    ids = [each.pk for each in ada_bob_eve[:2]]

    response = desk.post(f"{LIST}?status=open", {"action": "compare", "_selected_action": ids})
    shown = desk.get(response["Location"])

    assert [column.application.full_name for column in shown.context["columns"]] == ["Ada Example", "Bob Example"]
    assert shown.context["list_url"] == f"{LIST}?status=open"


@pytest.mark.parametrize("number", [0, 1, 7])
def test_fewer_than_two_and_more_than_six_lead_back_to_the_list(desk, make_application, number):
    those = [make_application(email=f"p{each}@example.org") for each in range(number)]

    response = compare(desk, those)

    assert (response.status_code, response["Location"]) == (302, LIST)
    assert told(response) == ["Choose two to six applications to compare them."]


def test_applications_of_others_and_unknown_ones_are_silently_not_there(
    desk, ada_bob_eve, make_application, other_project
):
    foreign = make_application(other_project, full_name="Berta Beispiel", email="berta@example.org")

    shown = desk.get(COMPARE, {"ids": f"{ada_bob_eve[0].pk},{foreign.pk},{ada_bob_eve[1].pk},987654,x"})
    alone = desk.get(COMPARE, {"ids": f"{ada_bob_eve[0].pk},{foreign.pk}"})

    assert [column.application.full_name for column in shown.context["columns"]] == ["Ada Example", "Bob Example"]
    assert "Berta" not in shown.content.decode()
    assert alone.status_code == 302


def test_answers_documents_notes_and_stars_stand_side_by_side(desk, supervisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    workflow.note(ada, "Ask about the gap year.", by=supervisor)
    workflow.set_star(bob, True, by=supervisor)
    cv = ada.documents.get(kind="cv")
    Rendition.objects.create(document=cv, state="made", page_sizes=[[1240, 1754]], text="CV")

    page = compare(desk, [ada, bob])
    html = page.content.decode()

    assert "I would like to align sequences." in html
    assert f'href="/documents/{cv.pk}/"' in html
    assert f'src="/documents/{cv.pk}/pages/1/" width="1240" height="1754"' in html
    assert "1 note" in words(page)
    assert html.count("Starred by you") == 2  # title and words of one star
    assert '<th scope="row">Motivation</th>' in html
    assert html.count('<th scope="col">') == 2


def test_ratings_are_compared_once_ones_own_is_in(desk, supervisor, co_advisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    criterion = Criterion.objects.create(project=ada.project, name="Mathematics")
    for application in (ada, bob):
        workflow.review(
            application, rating=5, recommendation="offer", comment="A find.", scores={criterion.pk: 4}, by=co_advisor
        )
    workflow.review(ada, rating=2, by=supervisor)

    columns = {column.application: column for column in compare(desk, [ada, bob]).context["columns"]}
    page = words(compare(desk, [ada, bob]))

    assert [(shown.who, shown.review.rating) for shown in columns[ada].reviews] == [
        ("Sofia Supervisor", 2),
        ("Carl Coadvisor", 5),
    ]
    assert (columns[bob].reviews, columns[bob].hidden_reviews) == ([], 1)
    assert "3.5 · 2 ratings · differ by 3" in page
    assert page.count("A find.") == 1
    assert "1 rating of a colleague: after your rating" in page


def test_no_comparison_depends_on_how_a_colleague_has_rated(client, co_advisor, supervisor, ada_bob_eve):
    criterion = Criterion.objects.create(project=ada_bob_eve[0].project, name="Mathematics")
    client.force_login(co_advisor)

    def world(ratings) -> str:
        for application, rating in zip(ada_bob_eve, ratings, strict=True):
            recommendation = "offer" if rating > 3 else "decline"
            workflow.review(
                application,
                rating=rating,
                recommendation=recommendation,
                comment=f"Kanarienvogel {rating}",
                scores={criterion.pk: rating},
                by=supervisor,
            )
        return re.sub(r'csrfmiddlewaretoken" value="[^"]+"', "", compare(client, ada_bob_eve).content.decode())

    one, other = world((1, 3, 5)), world((5, 1, 2))

    assert one == other
    assert "Kanarienvogel" not in one


def test_ones_own_rating_of_former_documents_says_so(desk, supervisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    for application in (ada, bob):
        workflow.review(application, rating=3, by=supervisor)
    assert "changed since" not in words(compare(desk, [ada, bob]))

    Review.objects.filter(application=ada).update(seen_documents=[])

    assert words(compare(desk, [ada, bob])).count("changed since") == 1


def test_the_comparison_costs_the_same_number_of_queries_for_two_and_for_six(
    desk, supervisor, co_advisor, make_application, django_assert_num_queries
):
    those = [make_application(email=f"p{each}@example.org") for each in range(6)]
    for application in those:
        for reviewer in (supervisor, co_advisor):
            workflow.review(application, rating=3, by=reviewer)
        workflow.stage(application, Status.INTERVIEW, by=supervisor)
    compare(desk, those)

    for chosen in (those[:2], those):
        with django_assert_num_queries(10):  # one of them asks whether the opening is noted already
            compare(desk, chosen)


# Picking


def test_picking_stages_each_with_its_standard_letter_and_goes_on_to_the_letters(desk, ada_bob_eve):
    ada, bob, eve = ada_bob_eve
    shown = compare(desk, ada_bob_eve)

    response = pick(desk, shown, **{f"decision_{ada.pk}": "offered", f"decision_{bob.pk}": "declined"}, then="release")

    assert staged() == {"Ada": "offered", "Bob": "declined"}
    assert "Dear Bob Example" in Decision.objects.get(application=bob).letter_body
    assert response["Location"] == f"{LIST}release/"
    eve.refresh_from_db()
    assert eve.status == Status.RECEIVED


def test_picking_can_lead_back_to_the_list(desk, ada_bob_eve):
    response = pick(desk, compare(desk, ada_bob_eve), **{f"decision_{ada_bob_eve[0].pk}": "interview"}, then="list")

    assert response["Location"] == LIST
    assert "1 decision is staged" in told(response)[0]


def test_only_what_the_table_of_moves_allows_can_be_picked(desk, make_application):
    accepted = make_application(email="a@example.org", status=Status.ACCEPTED)
    interview = make_application(email="b@example.org", status=Status.INTERVIEW)
    withdrawn = make_application(email="c@example.org", status=Status.WITHDRAWN)
    shown = compare(desk, [accepted, interview, withdrawn])

    choices = {
        column.application: [value for value, _words in column.pick.field.choices if value]
        for column in shown.context["columns"]
    }
    refused = pick(desk, shown, **{f"decision_{accepted.pk}": "interview"})

    assert choices == {accepted: ["declined"], interview: ["waitlisted", "offered", "declined"], withdrawn: []}
    assert refused.status_code == 200
    assert "This is not possible for Ada Example any more" in refused.content.decode()
    assert staged() == {}


def test_picking_nothing_says_so(desk, ada_bob_eve):
    response = pick(desk, compare(desk, ada_bob_eve), then="release")

    assert "Choose a decision for at least one of them." in response.content.decode()


def test_taking_something_back_asks_for_the_reason(desk, make_application):
    offered = make_application(email="a@example.org", status=Status.OFFERED)
    other = make_application(email="b@example.org")
    shown = compare(desk, [offered, other])

    without = pick(desk, shown, **{f"decision_{offered.pk}": "declined"})
    assert "Please give the reason." in without.content.decode()
    assert staged() == {}
    pick(desk, shown, **{f"decision_{offered.pk}": "declined", "reason": "No grant."})

    assert Decision.objects.get().reason == "No grant."


def test_what_a_colleague_has_staged_or_told_since_one_looked_is_left(desk, supervisor, co_advisor, ada_bob_eve):
    ada, bob, _eve = ada_bob_eve
    shown = compare(desk, ada_bob_eve)
    workflow.stage(ada, Status.OFFERED, by=co_advisor)
    workflow.decide(bob, Status.INTERVIEW, by=co_advisor)

    response = pick(desk, shown, **{f"decision_{each.pk}": "declined" for each in ada_bob_eve})

    assert staged() == {"Ada": "offered", "Eve": "declined"}
    assert "2 were left as they are: Ada Example" in told(response)[1]


def test_nothing_is_decided_about_applications_of_others(desk, ada_bob_eve, make_application, other_project):
    foreign = make_application(other_project, email="berta@example.org")
    chosen = ",".join(f"{each.pk}:received:" for each in (*ada_bob_eve[:2], foreign))

    desk.post(COMPARE, {"chosen": chosen, f"decision_{foreign.pk}": "declined"})

    assert staged() == {}


def test_who_may_only_look_compares_and_decides_nothing(client, co_advisor, ada_bob_eve):
    co_advisor.groups.clear()
    co_advisor.user_permissions.add(Permission.objects.get(codename="view_application"))
    client.force_login(co_advisor)
    shown = compare(client, ada_bob_eve)

    refused = pick(client, shown, **{f"decision_{ada_bob_eve[0].pk}": "declined"})

    assert shown.status_code == 200
    assert "Decision to stage" not in shown.content.decode()
    assert refused.status_code == 403
    assert staged() == {}

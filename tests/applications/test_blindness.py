"""A colleague's rating is visible nowhere before one's own is in: not as a cell, an order, a filter, a count, a file.

The strongest form of the claim: the same pages are asked for in two worlds that differ in nothing but how a colleague
has rated, and they must be equal to the letter.
"""

import re

import pytest
from django.urls import reverse

from applications import workflow
from applications.models import Letter, Review
from projects.models import Criterion
from tests.tracker.test_admin_access import TABLE, things  # noqa: F401 - the fixture gives the table its rows

pytestmark = pytest.mark.once

CANARY = "Kanarienvogel"

# What differs between any two answers to the same question.
CHANGING = re.compile(rb'(csrfmiddlewaretoken|nonce)" value="[^"]+"|"csrfToken": "[^"]+"')

READING_PAGES = [row for row in TABLE if row.values[2] == "get" and not row.values[0].startswith(("logout", "jsi18n"))]


@pytest.fixture
def criteria(project) -> list[Criterion]:
    names = ("Mathematics", "Programming", "Motivation")
    return [Criterion.objects.create(project=project, name=name) for name in names]


@pytest.fixture
def others(make_application) -> list:
    """Two more applications, so that there is an order to be seen."""
    return [make_application(email=f"{name}@example.org", full_name=f"{name} Example") for name in ("bob", "eve")]


def rate(application, by, rating: int, criteria: list[Criterion]) -> Review:
    return workflow.review(
        application,
        rating=rating,
        recommendation="offer" if rating > 3 else "decline",
        comment=f"{CANARY} {rating}",
        scores={criterion.pk: rating for criterion in criteria},
        by=by,
    )


def answer_to(client, url: str) -> tuple[int, bytes]:
    response = client.get(url)
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, CHANGING.sub(b"", content)


LISTS = [
    *(f"?o={column}" for column in range(1, 16)),
    *(f"?o=-{column}" for column in range(1, 16)),
    f"?q={CANARY}",
    "?rating_mean=5",
    "?rating_mean__gte=4",
    "?reviews__rating=5",
    "?reviews__comment__icontains=Kanarien",
    "?rating_spread=0",
    "?score_mean__gt=3",
    "?readings__reviewer=1",
    "?stars__user=1",
]


def pages(things) -> list[str]:  # noqa: F811 - see above
    addresses = {reverse(f"admin:{name}", args=args(things)) for name, args, _method, _expected in
                 (row.values for row in READING_PAGES)}  # fmt: skip
    the_list = reverse("admin:applications_application_changelist")
    return sorted(addresses) + [the_list + query for query in LISTS]


@pytest.mark.parametrize("role", ["co_advisor", "superuser"])
def test_no_page_depends_on_how_a_colleague_has_rated(
    request, client, things, application, others, supervisor, criteria, role  # noqa: F811
):  # fmt: skip
    client.force_login(request.getfixturevalue(role))
    rate(application, supervisor, 1, criteria)
    rate(others[0], supervisor, 5, criteria)
    addresses = pages(things)
    one_world = {address: answer_to(client, address) for address in addresses}

    rate(application, supervisor, 5, criteria)
    rate(others[0], supervisor, 1, criteria)
    other_world = {address: answer_to(client, address) for address in addresses}

    assert [address for address in addresses if one_world[address] != other_world[address]] == []
    searched = f"?q={CANARY}"  # this page repeats the word; the next test looks at what it finds
    told = [a for a in addresses if not a.endswith(searched) and CANARY.encode() in other_world[a][1]]
    assert told == []


@pytest.mark.parametrize("role", ["co_advisor", "superuser"])
def test_searching_for_a_colleagues_words_finds_as_little_as_searching_for_nonsense(
    request, client, application, supervisor, criteria, role
):
    client.force_login(request.getfixturevalue(role))
    rate(application, supervisor, 1, criteria)
    the_list = reverse("admin:applications_application_changelist")
    nonsense = "Xanariexvogex"
    found = answer_to(client, f"{the_list}?q={CANARY}")[1]
    found_for_nonsense = answer_to(client, f"{the_list}?q={nonsense}")[1]
    assert found.replace(CANARY.encode(), nonsense.encode()) == found_for_nonsense


@pytest.mark.parametrize("role", ["co_advisor", "superuser"])
def test_once_ones_own_rating_is_in_the_colleagues_can_be_read(
    request, client, application, supervisor, criteria, role
):
    reader = request.getfixturevalue(role)
    client.force_login(reader)
    rate(application, supervisor, 1, criteria)
    address = reverse("admin:applications_application_change", args=[application.pk])
    assert CANARY.encode() not in answer_to(client, address)[1]

    workflow.review(application, rating=4, by=reader)

    assert CANARY.encode() in answer_to(client, address)[1]


def test_no_letter_tells_of_a_rating(application, supervisor, co_advisor, criteria):
    workflow.ask(application, [co_advisor], by=supervisor)
    rate(application, supervisor, 1, criteria)
    assert not Letter.objects.filter(body__contains=CANARY).exists()


def test_the_history_says_that_somebody_rated_and_never_how(application, supervisor, criteria):
    rate(application, supervisor, 1, criteria)
    event = application.events.get(kind="rated")
    assert (event.user, event.text) == (supervisor, "")

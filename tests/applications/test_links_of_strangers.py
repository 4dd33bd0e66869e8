"""A thousand links and ids that open nothing: each is answered exactly as one that never existed.

Whoever tries links must not learn from the answers whether an application, a document or a file exists, whose it is, or
how near the try was.
"""

import itertools
import random
import uuid
from collections.abc import Iterator

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from applications import documents, incoming, workflow
from applications.models import REFERENCE_ALPHABET, Application, Document, Upload
from applications.tokens import document_token, manage_token, upload_token
from tests import pdfs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SEED = 20261125


@pytest.fixture
def chance() -> random.Random:
    return random.Random(SEED)


@pytest.fixture
def stranger(project) -> Client:
    """A browser with cookies of its own, which has applied to nothing."""
    browser = Client()
    browser.get(f"/projects/{project.slug}/apply/")
    return browser


@pytest.fixture
def applications(make_application, other_project) -> list[Application]:
    """Live applications of others."""
    return [make_application(email=f"ada{n}@example.org", to=other_project if n % 2 else None) for n in range(4)]


def answer(browser: Client, method: str, path: str, **more) -> tuple:
    """What a stranger can tell one answer from another by."""
    response: HttpResponse = getattr(browser, method)(path, **more)
    body = response.getvalue().decode() if not response.streaming else "a file"
    told = {name: value for name, value in response.headers.items() if name not in ("Content-Length", "Expires")}
    return response.status_code, body, told, sorted(response.cookies)


def random_reference(chance: random.Random) -> str:
    letters = "".join(chance.choice(REFERENCE_ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def student_addresses() -> list[str]:
    """The part below `applications/<reference>/` of every page of the student's, read from the product's own table."""
    patterns = get_resolver().reverse_dict
    routes = {
        route
        for key in patterns
        for possibilities in [patterns.getlist(key)]
        for entry in possibilities
        for route, names in entry[0]
        if "reference" in names
    }
    routes |= _namespaced()
    return sorted(route.split("%(reference)s/", 1)[1] for route in routes)


def _namespaced() -> set[str]:
    _prefix, resolver = get_resolver().namespace_dict["applications"]
    return {
        route
        for key in resolver.reverse_dict
        for entry in resolver.reverse_dict.getlist(key)
        for route, names in entry[0]
        if names == ["reference"]
    }


# Manage links


def tampered_tokens(token: str, chance: random.Random) -> Iterator[str]:
    """`token` with one thing changed each."""
    for _ in range(25):
        place = chance.randrange(len(token))
        yield token[:place] + chance.choice("ABCxyz019-_.:") + token[place + 1 :]
    for _ in range(5):
        yield token[: chance.randrange(1, len(token))]
    yield token + "x"
    yield token.swapcase()
    yield token[::-1]


def dead_tokens(applications: list[Application], chance: random.Random) -> Iterator[str]:
    """Tokens that never worked, or do not any more."""
    living = [manage_token(application) for application in applications]
    for token in living:
        yield from (other for other in tampered_tokens(token, chance) if other not in living)
    for one, other in itertools.pairwise(living):
        yield f"{one.rsplit('.', 1)[0]}.{other.rsplit('.', 1)[1]}"  # the words of one, the signature of another
    for application in applications:
        for version in (0, 2, 3, -1):
            yield signing.Signer(salt="applications.manage", sep=".").sign_object([application.reference, version])
        words = [application.reference, application.link_version]
        yield signing.Signer(key="x" * 50, salt="applications.manage", sep=".").sign_object(words)
        yield signing.Signer(salt="applications.invitation", sep=".").sign_object(words)
        yield signing.Signer(salt="applications.manage", sep=".").sign_object(application.reference)
        document = application.documents.first()
        yield upload_token(document.pk)
        yield document_token(document.pk)
        yield application.reference
    for _ in range(150):
        yield "".join(
            chance.choice("abcdefghijklmnopqrstuvwxyz0123456789.-_:") for _ in range(chance.randrange(1, 120))
        )
    yield from ("ä", "%00", "%2e%2e", "null", "[]", "0", "a" * 2000)


def test_hundreds_of_dead_manage_links_are_answered_alike(stranger, applications, make_application, chance):
    renewed = make_application(email="renewed@example.org")
    erased = make_application(email="erased@example.org")
    old = [manage_token(renewed), manage_token(erased)]
    workflow.renew_link(renewed)
    workflow.erase(erased)
    tokens = [*old, *dead_tokens(applications, chance)]
    assert len(tokens) > 300
    unknown = answer(stranger, "get", "/applications/open/no-such-token/")
    assert unknown[0] == 404
    for token in tokens:
        assert answer(stranger, "get", f"/applications/open/{token}/") == unknown, token
    assert "applications" not in stranger.session


# References


def test_hundreds_of_foreign_and_unknown_references_are_answered_alike(stranger, applications, chance, open_by_link):
    addresses = student_addresses()
    assert {"", "withdraw/", "documents/", "accept/", "everything/", "erase/"} <= set(addresses)
    of_a_former_version = applications[0]
    browser = open_by_link(of_a_former_version, stranger)
    workflow.renew_link(of_a_former_version)
    tried = 0
    for below in addresses:
        for method in ("get", "post"):
            unknown = answer(browser, method, f"/applications/2222-2222/{below}")
            assert unknown[0] in (404, 405), below
            foreign = [application.reference for application in applications]
            for reference in [*foreign, *(random_reference(chance) for _ in range(6)), foreign[0].lower(), "x"]:
                assert answer(browser, method, f"/applications/{reference}/{below}") == unknown, (reference, below)
                tried += 1
    assert tried > 300


# Documents and files


def test_hundreds_of_foreign_and_unknown_ids_of_files_are_answered_alike(stranger, applications, chance, project):
    owner = Client()
    owner.get(f"/projects/{project.slug}/apply/")
    files = f"/projects/{project.slug}/apply/files/"
    content = pdfs.cv()
    on_its_way = owner.post(files, {"field": "cv", "name": "cv.pdf", "size": len(content)}).json()["id"]
    arrived = owner.post(files, {"field": "cv", "name": "cv.pdf", "size": len(content)}).json()["id"]
    url = f"{files}{arrived}/?offset=0"
    assert owner.post(url, content, content_type="application/octet-stream").json()["token"]
    existing = [
        *Document.objects.values_list("pk", flat=True),
        *Upload.objects.values_list("pk", flat=True),
        uuid.UUID(on_its_way),
        uuid.UUID(arrived),
    ]
    invented = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(40)]
    places = [
        ("get", "/documents/{}/"),
        ("get", "/documents/{}/pages/1/"),
        ("get", "/uploads/{}/"),
        ("post", "/uploads/{}/remove/"),
        ("get", files + "{}/"),
        ("post", files + "{}/?offset=0"),
    ]
    tried = 0
    for method, place in places:
        unknown = answer(stranger, method, place.format(uuid.UUID(int=0)))
        assert unknown[0] == 404
        for pk in [*existing, *invented]:
            assert answer(stranger, method, place.format(pk)) == unknown, (method, place, pk)
            tried += 1
    assert tried > 300
    assert incoming.received(incoming.IncomingUpload.objects.get(pk=on_its_way)) == 0
    assert documents.document_storage().exists(Upload.objects.get().file.name)


@pytest.mark.parametrize("place", ["/documents/{}/", "/documents/{}/?download=1", "/documents/{}/pages/1/"])
def test_a_browser_whose_session_is_over_learns_no_more(applications, chance, place):
    """Its cookie is taken away with the answer, and that must not depend on whether there is such a document."""

    def said(pk) -> tuple:
        browser = Client()
        browser.cookies["sessionid"] = "x" * 32
        told = answer(browser, "get", place.format(pk))
        return told, {name: (morsel.value, morsel["max-age"]) for name, morsel in browser.cookies.items()}

    unknown = said(uuid.UUID(int=0))
    assert unknown[0][0] == 404
    invented = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(5)]
    for pk in [*Document.objects.values_list("pk", flat=True), *invented]:
        assert said(pk) == unknown, pk


def test_a_claim_to_a_foreign_file_is_answered_as_one_to_no_file(stranger, applications, chance, project):
    """Claims to uploads are secrets of the form: one that is guessed, or of another kind, says nothing."""
    address = f"/projects/{project.slug}/apply/"
    document = Document.objects.first()
    living = upload_token(document.pk)
    tokens = [
        document_token(document.pk),
        living,  # of a document, which is no upload any more
        manage_token(applications[0]),
        str(document.pk),
        *(token for token in tampered_tokens(living, chance) if token != living),
    ]

    def said(token: str) -> list[str]:
        return stranger.post(address, {"kept_cv": token}).context["form"].errors["cv"]

    unknown = said("no-such-token")
    assert unknown == ["A file that you chose earlier is no longer kept. Please choose it again."]
    for token in tokens:
        assert said(token) == unknown, token


# The form for a lost link


def test_asking_for_a_link_says_the_same_for_every_address(stranger, applications):
    def said(address: str) -> tuple:
        status, body, told, cookies = answer(stranger, "post", "/applications/find/", data={"email": address})
        return status, body.replace(address, "ADDRESS"), told, cookies

    unknown = said("nobody@example.org")
    assert unknown[0] == 200
    for application in applications:
        assert said(application.email) == unknown
        assert said(application.email.upper()) == unknown

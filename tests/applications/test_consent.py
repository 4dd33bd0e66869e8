"""The words to which students agree cannot change under those who have agreed to them."""

import hashlib

import pytest
from django.utils import translation

from applications.consent import CONSENT_TEXTS, CONSENT_VERSION, consent_text

# Of each version's English words. A line here never changes: other words are another version.
FINGERPRINTS = {
    "2026-11": "20a5fa9dace85e990301e573f34ea0fb11ee32f17cd18438cf6c95a854308cd5",
}


def test_the_words_of_a_version_are_those_that_were_agreed_to():
    with translation.override("en"):
        words = {version: str(text) for version, text in CONSENT_TEXTS.items()}
    assert {version: hashlib.sha256(text.encode()).hexdigest() for version, text in words.items()} == FINGERPRINTS


def test_the_newest_version_is_asked_for(application):
    assert max(FINGERPRINTS) == CONSENT_VERSION
    assert application.consent_version == CONSENT_VERSION


@pytest.mark.parametrize("version", ["", "1999-01"])
def test_a_version_that_nobody_knows_has_no_words(version):
    assert consent_text(version) == ""

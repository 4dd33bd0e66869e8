"""Killed at random points, again and again, while students apply: what was acknowledged is there, whole, and once.

20 blows in CI; `make faults KILLS=1000` for a night. Each run says its seed; SEED=... repeats its dice (not its clock).
"""

import itertools
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from tests.faults.mailbox import Mailbox
from tests.faults.product import BLOWS, Product, everything, wait_for
from tests.faults.student import Student

pytestmark = pytest.mark.faults

STUDENTS_AT_ONCE = 3
LONGEST_BETWEEN = 0.9  # seconds between two blows: about as long as an application takes, form and letters included


class Crowd:
    """Students who apply one after the other, some at once, until they are told to stop."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.numbers = itertools.count(1)
        self.begun: dict[str, Student] = {}
        self.acknowledged: dict[str, str] = {}  # the reference that an address was given
        self.failures: list[BaseException] = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self._apply_again_and_again) for _ in range(STUDENTS_AT_ONCE)]

    def __enter__(self) -> "Crowd":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join()

    def wait_for_progress(self, blows: int) -> None:
        """So that a slow machine is not struck faster than anybody can apply: one gets through for every two blows."""
        wait_for(lambda: self.failures or 2 * len(self.acknowledged) >= blows - 1, "students to get through")

    def _apply_again_and_again(self) -> None:
        while not self.enough.is_set() and not self.failures:
            number = next(self.numbers)
            student = Student(number, self.product.port, in_pieces=number % 3 == 0)
            self.begun[student.email] = student
            try:
                self.acknowledged[student.email] = student.apply()
            except BaseException as failure:
                self.failures.append(failure)

    @property
    def sends(self) -> dict[str, Counter]:
        return {email: student.sends for email, student in self.begun.items()}


def number_of_blows() -> int:
    """20 in CI; over PostgreSQL fewer, for only its part of the story is another one there."""
    return int(os.environ.get("KILLS") or (20 if connection.vendor == "sqlite" else 6))


def in_turns(dice: random.Random, number: int) -> list:
    """So many blows in a random order, of each kind about as many, and of those to a web process twice as many."""
    kinds = [*BLOWS, *BLOWS[:1]]
    blows = [kinds[index % len(kinds)] for index in range(number)]
    dice.shuffle(blows)
    return blows


def test_whatever_is_killed_whenever_every_acknowledged_application_is_whole_and_every_letter_arrives(
    make_product, mailbox: Mailbox
):
    seed = int(os.environ.get("SEED") or time.time_ns() % 1_000_000)
    dice = random.Random(seed)
    tell(f"Seed: {seed}")
    product = make_product()
    product.start()
    with Crowd(product) as crowd:
        for number, blow in enumerate(in_turns(dice, number_of_blows()), 1):
            crowd.wait_for_progress(number)
            time.sleep(dice.uniform(0, LONGEST_BETWEEN))  # the random point
            strike(blow, product, crowd, dice)
            if number % 50 == 0:
                tell(f"{number} blows, {len(crowd.acknowledged)} applications")
    product.stop()
    product.start()  # a worker that was killed often would take its time to come again

    assert not crowd.failures
    assert product.applications() == crowd.acknowledged, "everybody went on until there was an answer"
    product.assert_whole(crowd.sends)
    assert_the_same_form_leads_to_the_same_application(crowd)
    assert_every_letter_arrives(product, mailbox)
    product.stop()
    product.a_day_later()
    assert product.strays() == set()
    struck = sum(student.breaks > 0 for student in crowd.begun.values())
    tell(f"{number} blows, {len(crowd.acknowledged)} applications; in {struck} of them something broke on the way.")
    assert struck, "the blows were meant for them"


def strike(blow: Callable, product: Product, crowd: Crowd, dice: random.Random) -> None:
    """One blow. Where everything died, what it had acknowledged until then has to be there before it lives again."""
    blow(product, dice)
    if blow is everything:
        acknowledged = dict(crowd.acknowledged)
        assert acknowledged.items() <= product.applications().items(), "at the moment of its death"
        product.assert_whole(crowd.sends, again=False)
        product.start()
    else:
        product.wait_until_it_answers()
    assert not crowd.failures


def tell(words: str) -> None:
    """Shown when the test fails, and by `make faults`."""
    print(words, flush=True)  # noqa: T201


def assert_the_same_form_leads_to_the_same_application(crowd: Crowd) -> None:
    for student in list(crowd.begun.values())[-5:]:
        assert student.sent() == student.reference


def assert_every_letter_arrives(product: Product, mailbox: Mailbox) -> None:
    """At least once, each time under the same Message-ID. Those that a killed worker had in hand wait for its lease."""

    def all_sent() -> bool:
        product.let_leases_run_out()
        return product.letters_left() == 0

    wait_for(all_sent, "every letter to be sent", lambda: product.output, seconds=180)
    written = product.rows("SELECT recipient, message_id FROM applications_letter")
    arrived = {(address, message_id) for address, ids in mailbox.arrived.items() for message_id in ids}
    assert arrived == set(written)

"""Whose request it is: what the network says, and what our own proxies say; never what the client says."""

import logging

import pytest
from django.test import RequestFactory

from applications import client_address as module
from applications.client_address import SILENT, UNKNOWN, UNNAMED, client_address, sender, trouble
from applications.hourly_log import HourlyLog
from applications.models import RequestCount

pytestmark = pytest.mark.once

STUDENT = "198.51.100.7"
PROXY = "10.0.0.2"


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch) -> None:
    monkeypatch.setattr(module, "hourly_log", HourlyLog(logging.getLogger(module.__name__)))


@pytest.fixture
def behind_proxies(settings) -> None:
    settings.TRUSTED_PROXIES = [PROXY, "10.1.0.0/24", "fd00::/8"]


def request(peer: str, forwarded: str | None = None, **more):
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=peer, **headers, **more)


def test_without_a_proxy_it_is_the_peer_whatever_the_client_writes(db):
    for forged in (None, "203.0.113.9", "127.0.0.1", "203.0.113.9, 10.0.0.2", "\x00", "x" * 10_000):
        assert client_address(request(STUDENT, forged)) == STUDENT


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (PROXY, STUDENT, STUDENT),
        (PROXY, f"203.0.113.9, {STUDENT}", STUDENT),
        (PROXY, f"127.0.0.1,10.0.0.2 ,{STUDENT},10.1.0.3", STUDENT),
        ("10.1.0.9", f" {STUDENT} ", STUDENT),
        (PROXY, f"{STUDENT}:50123", STUDENT),
        (PROXY, "[2001:db8::7]:50123", "2001:db8::7"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        ("fd00::2", f"::ffff:{STUDENT}", STUDENT),
        (f"::ffff:{PROXY}", STUDENT, STUDENT),
        (PROXY, f"{STUDENT}, " * 500 + "10.1.0.3", STUDENT),
    ],
    ids=[
        *("one", "a forged one before it", "two proxies and forgeries", "a network", "a port", "IPv6 with port"),
        *("IPv6", "mapped", "a mapped proxy", "very many"),
    ],
)
def test_a_proxy_of_ours_says_who_it_is_and_what_stands_before_that_counts_for_nothing(
    behind_proxies, peer, forwarded, address
):
    assert client_address(request(peer, forwarded)) == address


@pytest.mark.parametrize("garbage", ["unknown", "", "_hidden", "1.2.3", "203.0.113.9, ", "999.1.1.1", "<script>", "é"])
def test_garbage_from_a_proxy_leaves_the_proxy_itself(behind_proxies, garbage):
    assert client_address(request(PROXY, garbage)) == PROXY


def test_when_all_are_our_proxies_it_is_the_first_of_them(behind_proxies):
    assert client_address(request(PROXY, "10.1.0.7, 10.1.0.3")) == "10.1.0.7"


def test_a_peer_that_is_no_address_is_unknown(behind_proxies):
    assert client_address(request("nonsense", STUDENT)) == UNKNOWN


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""], ids=["IPv4", "IPv6", "mapped", "socket"])
def test_a_proxy_on_this_machine_is_believed_only_when_it_is_named(settings, peer, db):
    assert client_address(request(peer, STUDENT)) != STUDENT
    settings.TRUSTED_PROXIES = ["127.0.0.1", "::1"]
    assert client_address(request(peer, STUDENT)) == STUDENT


def test_an_ipv6_network_is_one_sender_and_its_neighbour_another():
    mine, also_mine, other = (sender(request(f"2001:db8:0:{net}::{host}")) for net, host in ("a1", "a2", "b1"))
    assert mine == also_mine != other


def test_a_sender_is_a_fingerprint_that_names_no_address():
    found = sender(request(STUDENT))
    assert len(found) == 64
    assert STUDENT not in found
    assert found == sender(request(f"::ffff:{STUDENT}"))


# What is wrong with the proxy is said once


def test_a_proxy_that_nobody_named_is_said_once_in_the_log_and_kept_for_the_desk(settings, db, caplog):
    settings.TRUSTED_PROXIES = ["10.9.9.9"]
    for _ in range(3):
        assert client_address(request(PROXY, STUDENT)) == PROXY
    (said,) = caplog.messages
    assert "TRUSTED_PROXIES" in said
    assert PROXY in said
    assert STUDENT not in said
    assert trouble() == {UNNAMED}
    assert not RequestCount.objects.filter(whose__contains=PROXY).exists()


def test_a_header_that_a_client_from_outside_has_made_up_is_no_trouble(db, caplog):
    client_address(request("8.8.8.8", STUDENT))
    assert caplog.messages == []
    assert trouble() == set()


def test_a_proxy_that_does_not_say_for_whom_it_asks_is_said_once(settings, db, caplog):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    for _ in range(3):
        client_address(request("127.0.0.1", HTTP_X_FORWARDED_PROTO="https"))
    (said,) = caplog.messages
    assert "X-Forwarded-For" in said
    assert trouble() == {SILENT}


def test_a_proxy_that_says_it_and_a_direct_request_are_no_trouble(settings, db, caplog):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    client_address(request("127.0.0.1", STUDENT, HTTP_X_FORWARDED_PROTO="https"))
    client_address(request("127.0.0.1"))
    assert caplog.messages == []
    assert trouble() == set()

"""From which network address a request comes. The one place that knows; limits and the throttle of sign-in ask here."""

import datetime
import ipaddress
import logging
import re

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from applications import limits
from applications.hourly_log import HourlyLog
from applications.models import RequestCount

hourly_log = HourlyLog(logging.getLogger(__name__))

UNKNOWN = "0.0.0.0"  # noqa: S104 - a name for no address, never bound
MOST_HOPS = 20  # proxies in a row; a longer list is somebody's joke
THIS_MACHINE = "127.0.0.1"
PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]+|\[(?P<v6>[^\]]+)\](:[0-9]+)?", re.ASCII)  # some proxies write it behind

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What is wrong with the proxy in front, as `trouble` says it.
UNNAMED = "unnamed proxy"  # it speaks for others, and TRUSTED_PROXIES does not name it
SILENT = "silent proxy"  # it is believed, and does not say for whom it speaks
WORDS = {
    UNNAMED: (
        "A request from %s came with X-Forwarded-For, and TRUSTED_PROXIES does not name this address, so limits take "
        "all who come through it for one. When it is your proxy, add it to TRUSTED_PROXIES."
    ),
    SILENT: (
        "The proxy at %s does not say for whom it asks, so limits take all who come through it for one. Let it send "
        "X-Forwarded-For; docs/deployment.md has the line for nginx."
    ),
}


def sender(request: HttpRequest) -> str:
    """The fingerprint of the network address from which a request comes, as `applications.limits` counts it."""
    return limits.whose_address(client_address(request))


def client_address(request: HttpRequest) -> str:
    """The address of the client: of the peer, or what TRUSTED_PROXIES say of it when the peer is one of them.

    `X-Forwarded-For` is read from its end, past our own proxies, up to the first address that is not one of them:
    everything before that was written by the client and may be anything. UNKNOWN when there is no sensible address.
    """
    peer = parsed(request.META.get("REMOTE_ADDR") or THIS_MACHINE)  # none: a socket in a folder of this machine
    if peer is None:
        return UNKNOWN
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if not is_trusted_proxy(peer):
        if forwarded and not peer.is_global:  # a header from outside is anybody's; one from inside is a proxy's
            _note(UNNAMED, peer)
        return str(peer)
    if not forwarded and "HTTP_X_FORWARDED_PROTO" in request.META:
        _note(SILENT, peer)
    return str(_behind(peer, forwarded))


def _behind(peer: Address, forwarded: str) -> Address:
    for hop in reversed(forwarded.split(",")[-MOST_HOPS:]):
        address = parsed(hop)
        if address is None:
            return peer
        if not is_trusted_proxy(address):
            return address
        peer = address
    return peer


def is_trusted_proxy(address: Address) -> bool:
    return any(address in ipaddress.ip_network(proxy) for proxy in settings.TRUSTED_PROXIES)


def parsed(text: str) -> Address | None:
    """The address that `text` is, without a port or a zone, an IPv4 one in IPv6 clothes as itself; None otherwise."""
    text = text.strip()
    with_port = PORT.fullmatch(text)
    if with_port:
        text = with_port["v4"] or with_port["v6"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _note(kind: str, peer: Address) -> None:
    """Say it in the log, and keep it for the desk."""
    if hourly_log.warning(kind, WORDS[kind], peer):
        limits.count(kind, limits.fingerprint(kind))


def trouble(now: datetime.datetime | None = None) -> set[str]:
    """What was wrong with the proxy in front within the last hours: UNNAMED, SILENT; for the desk."""
    since = (now or timezone.now()) - 3 * limits.HOUR
    return set(RequestCount.objects.filter(what__in=WORDS, hour__gte=since).values_list("what", flat=True))

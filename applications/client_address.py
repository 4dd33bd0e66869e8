"""From which network address a request comes. The one place that knows; limits and the throttle of sign-in ask here."""

import ipaddress
import logging

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

UNKNOWN = "0.0.0.0"  # noqa: S104 - a name for no address, never bound
MOST_HOPS = 20  # proxies in a row; a longer list is somebody's joke


def client_address(request: HttpRequest) -> str:
    """The address of the client: of the peer, or what TRUSTED_PROXIES say of it when the peer is one of them.

    `X-Forwarded-For` is read from its end, past our own proxies, up to the first address that is not one of them:
    everything before that was written by the client and may be anything. UNKNOWN when there is no sensible address.
    """
    peer = parsed(request.META.get("REMOTE_ADDR", ""))
    if peer is None:
        return UNKNOWN
    if not is_trusted_proxy(peer):
        return str(peer)
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-MOST_HOPS:]
    for hop in reversed(hops):
        address = parsed(hop)
        if address is None:
            return str(peer)
        if not is_trusted_proxy(address):
            return str(address)
        peer = address
    return str(peer)


def is_trusted_proxy(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in ipaddress.ip_network(proxy) for proxy in settings.TRUSTED_PROXIES)


def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `text` is, an IPv4 one in IPv6 clothes as itself; None for anything else."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

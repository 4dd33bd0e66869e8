"""A real mail server on the loopback that can be slow, or die in the middle of a letter."""

import asyncio
import email
import email.policy
import logging
import socket
from collections import Counter, defaultdict

from aiosmtpd.controller import Controller


class Mailbox:
    """Keeps who got which Message-ID how often. `dies` of the next letters are taken and never confirmed."""

    def __init__(self) -> None:
        self.arrived: dict[str, Counter] = defaultdict(Counter)
        self.slow = 0.0  # seconds that it takes over each letter
        self.dies = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def letters(self) -> int:
        return sum(sum(ids.values()) for ids in self.arrived.values())

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        for address in envelope.rcpt_tos:
            self.arrived[address][message["Message-ID"]] += 1
        await asyncio.sleep(self.slow)
        if self.dies > 0:
            self.dies -= 1
            server.transport.abort()
        return "250 OK"

    def start(self) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # it tells of every line
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

"""How the web server runs. docs/decisions/0002-web-server.md has the measurements behind the numbers.

`quickstart` starts it like this, and so may a service manager:
    gunicorn --config tracker/gunicorn_conf.py --bind 127.0.0.1:8000 tracker.wsgi
GUNICORN_CMD_ARGS in the environment overrides single values, for example "--workers 4".
"""

import os
import signal
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.workers.gthread import TConn, ThreadWorker

from tracker import data_folder, serving

try:
    _logging = settings.LOGGING
except ImproperlyConfigured as error:
    sys.exit(str(error))


class PatientWorker(ThreadWorker):
    """gthread, but it takes leave of a client in that client's own thread.

    After an early answer (an upload refused while it arrives) the server waits up to two seconds for the client to
    notice. gunicorn 27.0.1 does that in the one thread that accepts connections: fifty refused clients would stop the
    site for minutes.
    """

    def handle(self, conn: TConn) -> object:
        goes_on = super().handle(conn)
        if not goes_on:
            conn.close(graceful=True)
            conn.close = lambda graceful=False: None  # the accepting thread closes it once more
        return goes_on


# A trickling upload holds a thread until it is complete, because it is refused while it arrives (a server that collects
# the body first cannot do that). So there are many threads: they are made when needed and cost about 0.2 MB each.
worker_class = PatientWorker
workers = 2
threads = 128
# A worker takes few connections more than it has threads: the others go to its neighbour instead of queueing here.
worker_connections = 192
keepalive = 5
timeout = 60  # a worker that does not even say that it lives; requests may take longer
graceful_timeout = serving.GRACE_SECONDS
preload_app = False  # each worker imports the product itself: no connection, thread or child process crosses a fork
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the sign of life never waits for a disk

# Whose X-Forwarded-Proto is believed. Without the setting: a proxy on this machine.
forwarded_allow_ips = ",".join(settings.TRUSTED_PROXIES) or "127.0.0.1,::1"

control_socket_disable = True
accesslog = None  # addresses hold manage links and searches hold names: neither belongs in a log
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": _logging["formatters"],
    "filters": {"silent_clients": {"()": "tracker.logs.WithoutSilentClients"}},
    "handlers": {"console": {**_logging["handlers"]["console"], "filters": ["silent_clients"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"gunicorn.error": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}

SILENCE_SECONDS = 60


def on_starting(server) -> None:
    """Not on half a restore, nor while one is going on; and none begins for as long as this process lives."""
    try:
        data_folder.hold_while_serving()
    except data_folder.InUse as error:
        sys.exit(str(error))


def when_ready(server) -> None:
    """A client that sends nothing for a minute is let go: a phone that lost its network would hold a thread for ever.

    Connections inherit the limit from the socket that they came in by.
    """
    for listener in server.LISTENERS:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SILENCE_SECONDS, 0))


def post_worker_init(worker) -> None:
    """Under `quickstart`, everything stops when quickstart is gone (see tracker.serving)."""

    def stop_server() -> None:
        if os.getppid() == worker.ppid:
            os.kill(worker.ppid, signal.SIGTERM)

    serving.stop_with_parent(stop_server)

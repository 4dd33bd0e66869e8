"""A prepared data folder for each process of the test run; products, databases and a mail server made from it."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from tests.faults.mailbox import Mailbox
from tests.faults.product import PASSWORD, SUPERVISOR, Product
from tracker.management.commands.quickstart import fingerprint_of_sources


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A data folder as the first `quickstart` leaves it; without a database where that is PostgreSQL.

    Made once for all processes of a test run. Its style sheets count as collected, which takes longest and concerns no
    fault; they are served as in development.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "faults"
    with open(shared / "faults.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            make_data_folder(shared / "faults being made").rename(folder)
    return folder


def make_data_folder(folder: Path) -> Path:
    static = folder / "static"
    static.mkdir(parents=True)
    (static / "staticfiles.json").write_text(json.dumps({"version": "1.1", "paths": {}, "hash": ""}))
    (static / "collected.txt").write_text(fingerprint_of_sources())
    if connection.vendor == "sqlite":
        prepare(Product(folder))
    return folder


def prepare(product: Product) -> None:
    product.environment |= {"SUPERVISOR_EMAIL": SUPERVISOR, "SUPERVISOR_PASSWORD": PASSWORD}
    product.manage("quickstart", "--no-serve")


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture(scope="module")
def database_url(django_db_blocker) -> Iterator[str]:
    """The address of an empty database of this module's own; none (so: SQLite) where the tests run on SQLite."""
    if connection.vendor != "postgresql":
        yield ""
        return
    name = f"faults_{os.getpid()}"
    own = connection.settings_dict
    with django_db_blocker.unblock(), psycopg.connect(
        dbname="postgres", user=own["USER"], password=own["PASSWORD"], host=own["HOST"], port=own["PORT"] or 5432,
        autocommit=True,
    ) as server:  # fmt: skip
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def make_product(prepared, database_url, mailbox, tmp_path_factory) -> Iterator[Callable[..., Product]]:
    """A product of its own data folder, not started yet; none of its processes outlives the module."""
    made = []

    def make(folder: Path | None = None, **more) -> Product:
        folder = folder or tmp_path_factory.mktemp("product") / "data"
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        product = Product(folder, EMAIL_URL=mailbox.url, SUPERVISOR_EMAIL=SUPERVISOR, **more)
        if database_url:
            product.environment["DATABASE_URL"] = database_url
            prepare(product)
        made.append(product)
        return product

    yield make
    for product in made:
        if product.process and product.process.poll() is None:
            product.kill()

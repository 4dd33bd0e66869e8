"""Django's PostgreSQL with one difference: pooled connections that a restart of the database cut go to nobody.

The pool's own check (CONN_HEALTH_CHECKS) replaces dead connections one by one and pauses longer after each: with a
dozen of them, the first visitor would wait half a minute for an error page.
"""

from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        if self.pool and not is_alive(connection):
            self.pool.putconn(connection)
            self.pool.drain()  # what cut this one has cut the others that lay idle
            connection = super().get_new_connection(conn_params)
        return connection


def is_alive(connection: Connection) -> bool:
    """Asks the server, which costs a local round trip (0.1 ms) for each request that needs the database."""
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    return True

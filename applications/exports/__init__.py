"""Taking out what the list shows: tables (CSV, XLSX) and the documents (ZIP), made at once or by the worker.

`columns` says what stands in a row and asks for blindness, `tables` and `archive` write it, `jobs` keeps the record of
every export and makes the long ones. What the list shows is told by the caller; who sees it is asked here once more.
"""

from applications.exports.archive import Archive, without_database
from applications.exports.jobs import (
    KEPT,
    ZIP_MOST,
    Rows,
    ask,
    forget_after_erasure,
    is_short,
    make_due,
    may_be_fetched,
    record_sent,
    sweep,
)
from applications.exports.tables import write_table

__all__ = [
    "KEPT",
    "ZIP_MOST",
    "Archive",
    "Rows",
    "ask",
    "forget_after_erasure",
    "is_short",
    "make_due",
    "may_be_fetched",
    "record_sent",
    "sweep",
    "without_database",
    "write_table",
]

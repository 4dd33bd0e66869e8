"""Full text over what students handed in: their answers and the text of their documents.

Each application has one `SearchEntry` with its words in a plain form: no case, no diacritics, each word once. The
database keeps an index over the entries, so that a search among 100,000 of them reads a few pages and not all rows:
FTS5 on SQLite, kept in step by triggers; a generated column with a GIN index on PostgreSQL. `keep_index` makes it
after every `migrate`. See docs/decisions/0008-search.md.
"""

import re
import unicodedata
from collections.abc import Iterable

from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from applications.models import Application, Rendition, SearchEntry

MOST_CHARACTERS = 400_000  # of one entry; PostgreSQL takes 1 MB, and no honest application has as many different words
LONGEST_WORD = 60  # the rest of a longer one is left: it is a line of base64, or an attack
MOST_WORDS_ASKED = 20

WORD = re.compile(r"[^\W_]+")
# Letters that Unicode does not take for a plain one with a mark, but people who search do.
PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
)


class _WithoutMarks(dict):
    """For `str.translate`: combining marks go, everything else stays. Fills itself with what it has been asked."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code)).startswith("M") else code
        return self[code]


_without_marks = _WithoutMarks()


def plain_words(text: str) -> str:
    """`text` as it is stored and asked for: letters and digits in small plain letters, with single spaces between.

    “Müller-Ødegård, José” becomes `muller odegard jose`. Doing it again changes nothing.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = folded.translate(_without_marks).translate(PLAIN_LETTERS)
    return " ".join(word[:LONGEST_WORD] for word in WORD.findall(plain))


# Keeping the entries


def refresh(application: Application) -> None:
    """Write the words of `application` anew. The caller holds its lock, so that no older words overwrite newer ones."""
    texts = Rendition.objects.filter(
        document__application=application, document__replaced_at=None, document__offered_at=None
    )
    read = texts.order_by("document_id").values_list("text", flat=True)
    words = entry_words(application, [*application.question_answers.values_list("text", flat=True), *read])
    SearchEntry.objects.bulk_create(
        [SearchEntry(application=application, words=words)],
        update_conflicts=True,
        unique_fields=["application"],
        update_fields=["words"],
    )


def entry_words(application: Application, texts: Iterable[str] = ()) -> str:
    """What `SearchEntry.words` holds: each word once, first those of the form, then those of the other `texts`.

    Only the beginnings of words are ever asked for, so neither their order nor their number matters.
    """
    answers = [
        application.full_name,
        joined(application.full_name),
        application.email,
        application.reference,
        joined(application.reference),
        application.university,
        application.programme,
        application.motivation,
        application.links,
    ]
    once = dict.fromkeys(word for text in (*answers, *texts) for word in plain_words(text).split())
    words = " ".join(once)
    return words if len(words) <= MOST_CHARACTERS else words[:MOST_CHARACTERS].rpartition(" ")[0]


def joined(text: str) -> str:
    """For those who leave out what stands inside a name: `O’Brien-Smith` as `OBrienSmith`."""
    return " ".join("".join(WORD.findall(word)) for word in text.split())


def refresh_missing(limit: int = 500) -> int:
    """Write the entries of up to `limit` applications that have none (they are older than the search); how many."""
    missing = list(Application.objects.filter(search_entry=None).order_by("pk").values_list("pk", flat=True)[:limit])
    for pk in missing:
        with transaction.atomic():
            application = Application.objects.select_for_update().filter(pk=pk).first()
            if application is not None:  # erased in the meantime
                refresh(application)
    return len(missing)


# Asking


def matching(queryset: QuerySet[Application], term: str) -> QuerySet[Application]:
    """The applications of `queryset` in which each word of `term` is the beginning of a word.

    Whatever `term` holds, it is only ever words: nothing in it is a command of FTS5 or PostgreSQL. Without any word
    in it (“?!”), nothing matches; an empty one leaves `queryset` as it is.
    """
    if not term.strip():
        return queryset
    words = list(dict.fromkeys(plain_words(term).split()))[:MOST_WORDS_ASKED]
    if not words:
        return queryset.none()
    return queryset.filter(pk__in=_found_on_sqlite(words) if _is_sqlite() else _found_on_postgresql(words))


def _is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def _found_on_sqlite(words: list[str]) -> RawSQL:
    asked = " ".join(f'"{word}"*' for word in words)
    return RawSQL(f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s", [asked])  # noqa: S608, S611


def _found_on_postgresql(words: list[str]) -> RawSQL:
    asked = " & ".join(f"'{word}':*" for word in words)
    return RawSQL(f"SELECT application_id FROM {TABLE} WHERE {LEXEMES} @@ %s::tsquery", [asked])  # noqa: S608, S611


# The index

TABLE = SearchEntry._meta.db_table
INDEX = "applications_searchindex"
# Exactly the words of `plain_words`; `to_tsvector` would cut them again by rules of its own (numbers, addresses).
# A column that PostgreSQL keeps by itself: calculated anew for each row, a word that nearly all have costs 1.7 s
# instead of 0.2 s among 100,000 entries.
LEXEMES = "lexemes"
POSTGRESQL_COLUMN = f"""
    ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS {LEXEMES} tsvector
    GENERATED ALWAYS AS (array_to_tsvector(array_remove(string_to_array(words, ' '), ''))) STORED
"""

# The tokenizer “ascii” parts words at spaces and leaves other letters alone: `plain_words` has decided all of that.
# `detail=none` keeps which entries hold a word, not where in them.
SQLITE_TABLE = f"""
    CREATE VIRTUAL TABLE {INDEX} USING fts5(
        words, content='{TABLE}', content_rowid='application_id', tokenize='ascii', detail=none
    )
"""
# Words that leave the index are handed over once more, because FTS5 asks for them to find its own entries.
ADD = f"INSERT INTO {INDEX}(rowid, words) VALUES (new.application_id, new.words);"  # noqa: S608
REMOVE = f"INSERT INTO {INDEX}({INDEX}, rowid, words) VALUES ('delete', old.application_id, old.words);"  # noqa: S608
SQLITE_TRIGGERS = {
    f"{INDEX}_{name}": f"CREATE TRIGGER {INDEX}_{name} AFTER {event} ON {TABLE} BEGIN {deeds} END"
    for name, event, deeds in (
        ("insert", "INSERT", ADD),
        ("update", "UPDATE", f"{REMOVE} {ADD}"),
        ("delete", "DELETE", REMOVE),
    )
}


def keep_index(using: str, **kwargs) -> None:
    """Make what is missing of the index, after every `migrate` (and flush).

    A later migration may remake the table on SQLite, and triggers go with the old one: what was written since is then
    unknown to the index, so it is built anew.
    """
    database = connections[using]
    if TABLE not in database.introspection.table_names():
        return  # migrated back to before the search
    keep = _keep_index_on_sqlite if database.vendor == "sqlite" else _keep_index_on_postgresql
    with transaction.atomic(using=using), database.cursor() as cursor:
        keep(cursor)


def _keep_index_on_postgresql(cursor) -> None:
    cursor.execute("SELECT to_regclass(%s)", [INDEX])
    if cursor.fetchone()[0] is None:
        cursor.execute(POSTGRESQL_COLUMN)
        cursor.execute(f"CREATE INDEX {INDEX} ON {TABLE} USING gin ({LEXEMES})")


def _keep_index_on_sqlite(cursor) -> None:
    cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE %s", [f"{INDEX}%"])
    existing = {name for (name,) in cursor.fetchall()}
    if existing.issuperset({INDEX, *SQLITE_TRIGGERS}):
        return
    if INDEX not in existing:
        cursor.execute(SQLITE_TABLE)
    for name in SQLITE_TRIGGERS.keys() - existing:
        cursor.execute(SQLITE_TRIGGERS[name])
    cursor.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('rebuild')")  # noqa: S608


def forget_erased() -> None:
    """Let go of the words of an erased application, in the transaction that erases it.

    No search finds them once their entry is gone. But FTS5 only notes that: the words themselves, without a sentence
    around them, stay in older parts of its index until those are merged, which is what happens here (0.6 s among
    100,000 entries, a few milliseconds among hundreds). The pages that become free are overwritten (`secure_delete`).
    On PostgreSQL autovacuum removes the row from the disk; a GIN index keeps the bare words, without any hint to whom
    they belonged, until REINDEX.
    """
    if _is_sqlite():
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('optimize')")  # noqa: S608

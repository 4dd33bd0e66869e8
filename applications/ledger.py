"""The ledger of erasures: which applications were erased, in a file that outlives the database, and names nobody.

A backup still holds whoever was erased after it was made. `restore` reads the ledger and erases them again, so that
nobody comes back. One line per erasure: its moment and the fingerprint of the reference, keyed with SECRET_KEY, which
a backup carries with it. The rows of `Erasure` say the same and are the truth; the file follows them
(`bring_up_to_date`), also when a process was killed between the two.
"""

from django.utils.crypto import salted_hmac


def fingerprint(reference: str) -> str:
    """What stands for an application in the ledger: 64 hexadecimal digits, from which no reference can be guessed."""
    return salted_hmac("applications.ledger", reference, algorithm="sha256").hexdigest()

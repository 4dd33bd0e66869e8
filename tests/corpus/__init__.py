"""A corpus of documents, honest and hostile, all made by code: what students send, what they send by mistake, attacks.

Each entry says why it is there and what must become of it. `tests/applications/test_corpus.py` holds the product to
it, `benchmarks/inspection.py` says what each file costs.
"""

from tests.corpus import hostile, mistaken, odd, plain
from tests.corpus.sample import Sample

CORPUS: list[Sample] = [*plain.SAMPLES, *odd.SAMPLES, *mistaken.SAMPLES, *hostile.SAMPLES]

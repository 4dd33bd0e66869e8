"""One file of the corpus: how it is made, why it is there, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """`code` is "ok" or a key of `inspection.WORDS`; `pages` and `flags` are those of an accepted file.

    `is_drawn` says whether page images come out: some files are accepted and drawn by no viewer.
    """

    name: str
    make: Callable[[], bytes]
    why: str
    code: str = "ok"
    pages: int = 1
    flags: tuple[str, ...] = ()
    is_drawn: bool = True

    @property
    def is_accepted(self) -> bool:
        return self.code == "ok"


def collecting(samples: list[Sample]) -> Callable[..., Callable]:
    """The decorator that adds makers to `samples`: `@sample("Why it is there", flags=["form"])`."""

    def sample(why: str, *, name: str = "", flags: list[str] | None = None, **expected) -> Callable:
        def add(make: Callable[[], bytes]) -> Callable[[], bytes]:
            known_as = name or make.__name__
            samples.append(Sample(known_as, make, why, flags=tuple(sorted(flags or ())), **expected))
            return make

        return add

    return sample

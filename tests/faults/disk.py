"""A disk that can be filled: a small one of its own where this process may mount one, else a limit on every file."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.product import Product

MEGABYTES = 48


class SmallDisk:
    """A file system in memory."""

    tells_free_space = True

    def __init__(self, folder: Path) -> None:
        self.ballast = folder / "ballast"

    def fill(self, product: Product, leave_kilobytes: int = 0) -> None:
        free = os.statvfs(self.ballast.parent)
        size = free.f_bavail * free.f_frsize - leave_kilobytes * 1024
        with contextlib.suppress(OSError), open(self.ballast, "ab", buffering=0) as ballast:
            for _ in range(max(size, 0) // 4096 + (0 if leave_kilobytes else 1)):
                ballast.write(bytes(4096))

    def free(self, product: Product) -> None:
        self.ballast.unlink(missing_ok=True)


class LimitedFiles:
    """No file of the product may grow beyond so many bytes: what is written past them fails as on a full disk."""

    tells_free_space = False

    def fill(self, product: Product, leave_kilobytes: int = 0) -> None:
        self._limit(product, leave_kilobytes * 1024 // 4)  # as if that were all for a few files together

    def free(self, product: Product) -> None:
        self._limit(product, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(product: Product, most: int) -> None:
        for pid in product.family():
            with contextlib.suppress(ProcessLookupError):  # a child that has ended meanwhile
                _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))


@contextlib.contextmanager
def disk_for(folder: Path) -> Iterator[SmallDisk | LimitedFiles]:
    """The disk on which `folder` lies from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        yield LimitedFiles()
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

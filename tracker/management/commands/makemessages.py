"""Django's `makemessages`, so that a run changes in the catalogue what changed in the sources, and nothing else."""

import re
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.commands import makemessages

WRITTEN_IN = "en"
WITHOUT_WORDS_OF_OURS = ["benchmarks", "data", "docs", "fixtures", "static", "staticfiles", "tests"]
TIME_OF_THE_RUN = re.compile(r'^"POT-Creation-Date: .*\n', re.MULTILINE)


class Command(makemessages.Command):
    msgattrib_options = [*makemessages.Command.msgattrib_options, "--sort-output"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(
            locale=[code for code, _name in settings.LANGUAGES if code != WRITTEN_IN],
            ignore_patterns=WITHOUT_WORDS_OF_OURS.copy(),
            no_location=True,
            no_obsolete=True,
            no_wrap=True,
        )

    def write_po_file(self, potfile: str, locale: str) -> None:
        """Sorted by message, and without the time at which it was made."""
        super().write_po_file(potfile, locale)
        catalogue = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        catalogue.write_text(TIME_OF_THE_RUN.sub("", catalogue.read_text(encoding="utf-8")), encoding="utf-8")

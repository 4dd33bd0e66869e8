"""What stands in for a mail server on a laptop: a folder of letters."""

from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend


def letter_file(message_id: str) -> Path:
    """Where the letter with this Message-ID lies when there is no mail server."""
    return Path(settings.LETTERS_DIR) / f"{message_id.strip('<>')}.eml"


class LetterFolderBackend(BaseEmailBackend):
    """Writes each letter to `DATA_DIR/letters/<message-id>.eml`, which any mail program opens."""

    def send_messages(self, email_messages) -> int:
        for message in email_messages:
            mime = message.message()
            path = letter_file(mime["Message-ID"])
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = path.with_suffix(".part")
            aside.write_bytes(mime.as_bytes())
            aside.chmod(0o600)
            aside.replace(path)  # a reader never sees half a letter
        return len(email_messages)

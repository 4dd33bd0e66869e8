from collections.abc import Iterable

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def in_a_sentence(items: Iterable) -> str:
    """`Ada`, `Ada and Bea`, `Ada, Bea and Cem`: several names or things as one part of a sentence."""
    *others, last = [str(item) for item in items] or [""]
    if not others:
        return last
    return _("%(others)s and %(last)s") % {"others": ", ".join(others), "last": last}

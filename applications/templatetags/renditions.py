from django import template

from applications import renditions
from applications.models import Document

register = template.Library()


@register.filter
def rendition_state(document: Document) -> str:
    """`made`, `waiting` or `failed`: what the reader of a page may expect of a document's images."""
    return renditions.state_of(document)

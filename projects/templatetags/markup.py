from django import template
from django.utils.safestring import SafeString

from projects.markup import render

register = template.Library()


@register.filter
def markdown(text: str | None) -> SafeString:
    """`{{ project.description|markdown }}`: the text as safe HTML."""
    return render(text or "")

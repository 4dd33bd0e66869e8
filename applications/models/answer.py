"""Answers to the questions that a project asks of its own."""

from typing import Self

from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from applications.models.application import Application
from projects.models import Question


class QuestionAnswerQuerySet(models.QuerySet):
    def naming_an_idea(self) -> Self:
        """What students call their own ideas: answers in one line, where a project asks for ideas, in their order."""
        return self.filter(application__project__is_own_idea=True, kind=Question.Kind.SHORT).order_by("position", "pk")


class QuestionAnswer(models.Model):
    """What one student answered to one question of the project, with the words of the question as they were then.

    Files are not here: a question for a file is answered by a document with that `question`.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="question_answers")
    question = models.ForeignKey(Question, on_delete=models.SET_NULL, null=True, blank=True, related_name="answers")
    prompt = models.CharField(_("question"), max_length=200)
    kind = models.CharField(_("kind of answer"), max_length=10, choices=Question.Kind)
    position = models.PositiveSmallIntegerField(default=0)
    text = models.TextField(_("answer"), blank=True)

    objects = QuestionAnswerQuerySet.as_manager()

    class Meta:
        verbose_name = _("answer to a question")
        verbose_name_plural = _("answers to questions")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "question"], name="applications_questionanswer_once_per_question"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application_id}: {self.question_id}"

    @classmethod
    def idea_title(cls, of: str = "pk") -> Subquery:
        """For a queryset of applications: what the student calls their own idea; None where none was asked for.

        `of` leads to the application's key where the rows are something else.
        """
        return Subquery(cls.objects.naming_an_idea().filter(application=OuterRef(of)).values("text")[:1])

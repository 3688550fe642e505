from django.db import models

from adaptivity.engine.receipts import candidates_unpack
from adaptivity.models.collection import Collection
from adaptivity.models.constraints import is_probability
from adaptivity.models.experiment import ExperimentalGroup
from adaptivity.models.learner import Learner
from adaptivity.models.model_version import ModelVersion


class ContentSnapshot(models.Model):
    """A collection's content as arrays, shared by all recommendations made from it."""

    digest = models.CharField(max_length=32, unique=True)
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest


class DecisionReceipt(models.Model):
    """One recommendation with its inputs and the scores of its candidates. Kept for a limited time."""

    at = models.DateTimeField(db_index=True)
    learner = models.ForeignKey(Learner, models.CASCADE, related_name="receipts")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="receipts")
    snapshot = models.ForeignKey(ContentSnapshot, models.PROTECT, related_name="receipts")
    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, null=True, related_name="+", db_index=False,
        help_text="Empty means the authors' parameters.",
    )  # fmt: skip
    group = models.ForeignKey(ExperimentalGroup, models.SET_NULL, null=True, related_name="receipts")
    policy = models.CharField(max_length=64)
    settings = models.JSONField(help_text="The engine settings.")
    outcome = models.CharField(max_length=16)
    activity = models.PositiveBigIntegerField(null=True, help_text="The id of the recommended activity; empty if none.")
    propensity = models.FloatField(null=True, help_text="The probability with which it was chosen.")
    candidate_count = models.PositiveIntegerField()
    best = models.BinaryField(help_text="The best candidates: activity, sub-scores, total and propensity.")
    counted = models.PositiveIntegerField(help_text="Done activities that count towards max_problems.")
    max_problems = models.PositiveIntegerField(null=True)
    stop_on_mastery = models.BooleanField()
    history = models.PositiveBigIntegerField(help_text="Entries in the learner's log; ties are drawn from this number.")
    state = models.BinaryField(help_text="Masteries, done activities, and relevance of the last item.")
    digest = models.CharField(max_length=32, help_text="Digest of the whole answer.")
    commit = models.CharField(max_length=64, blank=True, help_text="The commit of the software that answered.")

    class Meta:
        constraints = [*is_probability("propensity")]

    def __str__(self) -> str:
        return f"receipt {self.pk}"

    @property
    def candidates(self) -> list[dict[str, float]]:
        """The best candidates, best first: activity, sub-scores, total and propensity of each."""
        return candidates_unpack(bytes(self.best))

from django.db import models
from django.db.models import F, Q

from adaptivity.engine.parameters import MASTERY_THRESHOLD
from adaptivity.engine.scoring import DESIGN_POLICY, EngineSettings
from adaptivity.models.collection import Collection
from adaptivity.models.constraints import is_probability, not_blank
from adaptivity.models.learner import Learner
from adaptivity.text import NAME_LENGTH

# Far beyond any use; this bound also excludes NaN and infinity.
LARGEST_WEIGHT = 1e6
WEIGHTS = ("remediation_weight", "continuity_weight", "difficulty_weight", "readiness_weight")


class Experiment(models.Model):
    """Divides the learners of one collection into groups, each with its own engine settings.

    An experiment is a draft until it is started, which fixes its groups. Then it runs until it is ended. A collection
    has at most one running experiment.
    """

    name = models.CharField(
        max_length=NAME_LENGTH, unique=True, help_text="Together with the learner, decides the learner's group."
    )
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="experiments")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            *not_blank("name"),
            models.UniqueConstraint(
                fields=["collection"],
                name="%(class)s_one_running",
                condition=Q(started_at__isnull=False, ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="%(class)s_ends_after_start",
                condition=Q(ended_at__isnull=True) | Q(started_at__isnull=False, ended_at__gte=F("started_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ExperimentalGroup(models.Model):
    """A share of an experiment's learners, and their engine settings."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="groups", db_index=False)
    name = models.CharField(max_length=NAME_LENGTH)
    weight = models.FloatField(default=1.0, help_text="The group's share of learners is its share of all weights.")
    remediation_weight = models.FloatField(default=EngineSettings.remediation_weight, help_text="W_r, for demand.")
    continuity_weight = models.FloatField(default=EngineSettings.continuity_weight, help_text="W_c.")
    difficulty_weight = models.FloatField(default=EngineSettings.difficulty_weight, help_text="W_d.")
    readiness_weight = models.FloatField(default=EngineSettings.readiness_weight, help_text="W_p, for prerequisites.")
    forgiveness = models.FloatField(default=EngineSettings.forgiveness, help_text="r*, for gaps in prerequisites.")
    mastery_threshold = models.FloatField(
        default=MASTERY_THRESHOLD, help_text="The probability whose log-odds is L*; grades always use 0.9."
    )
    policy = models.CharField(max_length=64, default=DESIGN_POLICY, help_text="The rule that chooses among candidates.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "name"], name="%(class)s_unique"),
            *not_blank("name"),
            *(
                models.CheckConstraint(
                    name=f"%(class)s_{field}_range",
                    condition=Q(**{f"{field}__gte": 0.0, f"{field}__lte": LARGEST_WEIGHT}),
                    violation_error_message=f"{field} must lie between 0 and {LARGEST_WEIGHT:.0f}.",
                )
                for field in ("weight", "forgiveness", *WEIGHTS)
            ),
            *is_probability("mastery_threshold"),
        ]

    def __str__(self) -> str:
        return f"{self.experiment}: {self.name}"


class ExperimentPin(models.Model):
    """A learner assigned to a group by hand instead of by chance."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="pins", db_index=False)
    learner = models.ForeignKey(Learner, models.CASCADE, related_name="pins")
    group = models.ForeignKey(ExperimentalGroup, models.CASCADE, related_name="pins")
    created_at = models.DateTimeField(auto_now_add=True, null=True, help_text="When the learner was first pinned.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "learner"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return f"{self.learner} in {self.group}"

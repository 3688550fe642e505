"""Model versions: estimated from the log, let through by the gate or not, taken back; all of it on record."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from adaptivity import tasks
from adaptivity.content.services.knowledge_components import knowledge_component_update
from adaptivity.engine.estimation import estimate_em
from adaptivity.engine.responses import is_held_out
from adaptivity.errors import Conflict, InvalidInput, Stopped
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.evidence.services.masteries import MasterySetting, masteries_set
from adaptivity.evidence.services.scores import score_correct, score_delete
from adaptivity.management.commands import estimate as estimate_command
from adaptivity.management.commands import promote
from adaptivity.model_versions.jobs import estimate as job
from adaptivity.model_versions.jobs.estimate import estimate, estimate_begin, planned
from adaptivity.model_versions.selectors.estimation import LogEnd, log_end, training_responses
from adaptivity.model_versions.selectors.model_versions import active_version
from adaptivity.model_versions.services.model_versions import (
    PromotionRefused,
    model_version_promote,
    model_version_rollback,
)
from adaptivity.models import (
    Activity,
    CollectionActivity,
    EngineState,
    EstimationBatch,
    Experiment,
    ExperimentalGroup,
    ItemParameters,
    KnowledgeComponent,
    KnowledgeComponentParameters,
    Learner,
    ModelVersion,
    ModelVersionEvent,
    Score,
)
from adaptivity.pipelines import NIGHTLY
from adaptivity.recommendation.services.experiments import experiment_start
from tests.support.builders import NOON, activity, collection, knowledge_component, minutes
from tests.support.reference import Tag
from tests.support.simulated_learners import simulated_evidence

pytestmark = pytest.mark.django_db

EASY = [Tag(0.45, 0.02, 0.3), Tag(0.4, 0.05, 0.3), Tag(0.5, 0.03, 0.3)]
HARD = [Tag(0.05, 0.35, 0.03), Tag(0.08, 0.3, 0.03), Tag(0.1, 0.4, 0.03)]


@pytest.fixture
def log():
    """300 learners, about 60 of them held out, on two KCs whose items are not as the authors' defaults say."""
    return {
        "easy": simulated_evidence("easy", EASY, prior=0.5, learners=300, responses=6, seed=1),
        "hard": simulated_evidence("hard", HARD, prior=0.1, learners=300, responses=6, seed=2),
    }


def parameters(version):
    """Everything that a version estimated, by natural keys."""
    items = ItemParameters.objects.filter(model_version=version).order_by("activity_id", "knowledge_component_id")
    kcs = KnowledgeComponentParameters.objects.filter(model_version=version).order_by("knowledge_component_id")
    return (
        list(items.values_list("activity__source_launch_url", "guess", "slip", "transit", "responses")),
        list(kcs.values_list("knowledge_component__kc_id", "mastery_prior", "responses", "learners")),
    )


def copied(version, name, change=lambda each: each):
    """A finished version with the parameters of another one, changed, and a report of its own."""
    other = ModelVersion.objects.create(name=name, method=version.method)
    for model in (ItemParameters, KnowledgeComponentParameters):
        rows = list(model.objects.filter(model_version=version))
        for row in rows:
            row.pk, row.model_version = None, other
            change(row)
        model.objects.bulk_create(rows)
    return estimate(name=name, method=version.method)


def failed(version):
    return [check["name"] for check in version.report["checks"] if not check["passed"]]


def events():
    return list(ModelVersionEvent.objects.order_by("id").values_list("kind", "model_version__name", "previous__name"))


class TestTrainingResponses:
    def test_scores_as_they_stand_after_corrections_of_learners_not_held_out(self):
        kc, other = knowledge_component("kc"), knowledge_component("other")
        first, second = activity("first", [kc, other]), activity("second", [kc])
        elsewhere = activity("elsewhere", [other])
        names = [name for name in map(str, range(100)) if not is_held_out(name)][:2]
        held = next(name for name in map(str, range(100)) if is_held_out(name))
        people = {name: Learner.objects.create(user_id=name, evidence_count=9) for name in (*names, held)}

        def score(name, item, value, arrival, minute=0):
            return Score.objects.create(
                learner=people[name], activity=item, score=value, timestamp=minutes(minute), arrival=arrival
            )

        score(held, first, 1.0, 1)
        score(names[0], first, 0.25, 1, minute=5)
        late = score(names[0], second, 0.5, 2, minute=1)
        moved = score(names[1], elsewhere, 0.75, 1)
        gone = score(names[1], first, 1.0, 2)
        end = log_end()
        score_correct(score=moved, activity="second", value=0.9)
        score_delete(score=gone)
        now = log_end()
        score(names[1], first, 0.1, 20)

        found = training_responses([kc.pk], now)
        before = training_responses([kc.pk], end)

        assert found.knowledge_component.tolist() == [kc.pk] * 2
        assert found.activity.tolist() == [first.pk, second.pk]
        # In history order, not in that of arrival.
        assert found.responses.learner.tolist() == [0, 0, 1]
        assert found.responses.item.tolist() == [1, 0, 1]
        assert found.responses.score.tolist() == [0.5, 0.25, 0.9]
        assert before.responses.score.tolist() == [0.5, 0.25, 1.0]
        assert late.pk

    def test_what_was_set_by_hand_is_left_out_for_that_kc_alone(self):
        kc, other = knowledge_component("kc"), knowledge_component("other")
        both = activity("both", [kc, other])
        name = next(name for name in map(str, range(100)) if not is_held_out(name))
        masteries_set(settings=[MasterySetting(LearnerIdentity(name), "kc", 0.5)])
        Score.objects.create(learner=Learner.objects.get(), activity=both, score=1.0, timestamp=minutes(0), arrival=10)

        found = training_responses([kc.pk, other.pk], log_end())

        assert found.knowledge_component.tolist() == [other.pk]

    def test_of_a_share_of_the_learners_it_is_all_that_they_did(self, log):
        kc = log["easy"]
        score = Score.objects.filter(activity__source_launch_url="easy/0").latest("id")
        score_correct(score=score, value=0.5)
        whole = training_responses([kc.pk], log_end())

        half = training_responses([kc.pk], log_end(), share=0.5)
        again = training_responses([kc.pk], log_end(), share=0.5)

        assert 0.4 < half.responses.learners / whole.responses.learners < 0.6
        assert np.bincount(half.responses.learner).tolist() == [6] * half.responses.learners
        assert np.array_equal(again.responses.score, half.responses.score)
        assert training_responses([kc.pk], log_end(), share=0.0).responses.item.size == 0


class TestEstimate:
    def test_of_a_kc_with_very_many_scores_some_learners_are_taken_and_the_report_says_so(
        self, log, monkeypatch, capsys
    ):
        whole = estimate(name="whole")
        monkeypatch.setattr(job, "BATCH_OPPORTUNITIES", 1000)
        monkeypatch.setattr(job, "MOST_KC_SCORES", 1799)
        all_but_few = estimate(name="all but few")
        monkeypatch.setattr(job, "MOST_KC_SCORES", 900)

        call_command("estimate", name="some")

        some = ModelVersion.objects.get(name="some")
        assert (whole.report["parameters"]["drawn"], whole.report["parameters"]["training_responses"]) == ([], 2940)
        assert all_but_few.report["parameters"]["drawn"] == sorted([log["easy"].pk, log["hard"].pk])
        assert 0.4 < some.report["parameters"]["training_responses"] / 2940 < 0.6
        assert (
            "2 with very many scores were estimated from a sample of learners drawn by a hash."
            in capsys.readouterr().out
        )
        by_kc = KnowledgeComponentParameters.objects.filter(model_version=some)
        assert all(row.responses == 6 * row.learners for row in by_kc)

    def test_it_is_what_the_engine_finds_and_says_from_how_much(self, log):
        version = estimate(name="v1")

        items, kcs = parameters(version)
        found = training_responses([log["easy"].pk, log["hard"].pk], log_end())
        expected = estimate_em(found.responses)
        assert [row[1] for row in items] == expected.guess.tolist()
        assert [row[2] for row in items] == expected.slip.tolist()
        assert [row[3] for row in items] == expected.transit.tolist()
        assert [row[1] for row in kcs] == expected.prior.tolist()
        training = sum(not is_held_out(f"learner-{n}") for n in range(300))
        assert [row[2:] for row in kcs] == [(training * 6, training)] * 2
        assert sum(row[4] for row in items) == training * 12
        assert [row[1] for row in items] == pytest.approx([tag.guess for tag in (*EASY, *HARD)], abs=0.12)

    def test_nothing_depends_on_how_kcs_are_put_into_batches(self, log, monkeypatch):
        one = estimate(name="one")
        monkeypatch.setattr(job, "BATCH_OPPORTUNITIES", 1)

        many = estimate(name="many")

        assert (one.batches.count(), many.batches.count()) == (1, 2)
        assert parameters(one) == parameters(many)

    def test_stopped_it_goes_on_with_the_log_as_it_was(self, log, monkeypatch):
        monkeypatch.setattr(job, "BATCH_OPPORTUNITIES", 1)
        whole = estimate(name="whole")
        seen = []

        with pytest.raises(Stopped):
            estimate(
                name="stopped",
                progress=lambda phase, done, total: seen.append((phase, done, total)),
                stop=lambda: seen[-1:] == [("estimating", 1800, 3600)],
            )
        version = ModelVersion.objects.get(name="stopped")
        assert version.finished_at is None
        assert [batch.done_at is None for batch in version.batches.order_by("number")] == [False, True]
        with pytest.raises(PromotionRefused, match="still being estimated"):
            model_version_promote(name="stopped", by="ada")
        simulated_evidence("later", EASY, prior=0.5, learners=20, responses=5)
        Score.objects.create(
            learner=Learner.objects.first(),
            activity=Activity.objects.get(source_launch_url="hard/0"),
            score=1.0,
            timestamp=Score.objects.latest("timestamp").timestamp,
            arrival=1000,
        )

        finished = estimate(name="stopped")

        assert parameters(finished) == parameters(whole)
        assert finished.finished_at is not None

    def test_run_again_it_changes_nothing(self, log):
        version = estimate(name="v1")
        before = parameters(version), version.report, version.finished_at

        again = estimate(name="v1")

        assert (parameters(again), again.report, again.finished_at) == before
        assert events() == [("estimated", "v1", None)]

    def test_starved_kcs_stay_as_they_are(self, log):
        simulated_evidence("rare", EASY, prior=0.5, learners=5, responses=12, prefix="other")

        assert [row[0] for row in parameters(estimate(name="v1"))[1]] == ["easy", "hard"]
        assert [row[0] for row in parameters(estimate(name="v2", minimum_evidence=False))[1]] == [
            "easy",
            "hard",
            "rare",
        ]

    def test_the_workers_share_it_out(self, log, monkeypatch, django_capture_on_commit_callbacks):
        monkeypatch.setattr(job, "BATCH_OPPORTUNITIES", 1)

        with django_capture_on_commit_callbacks(execute=True):
            tasks.estimate.delay(name="shared")
        version = ModelVersion.objects.get(name="shared")
        first = version.report
        with django_capture_on_commit_callbacks(execute=True):
            tasks.estimate.delay(name="shared")

        assert parameters(version) == parameters(estimate(name="alone"))
        version.refresh_from_db()
        assert version.report == first
        assert [event for event in events() if event[1] == "shared"] == [("estimated", "shared", None)]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"name": "v1", "method": "magic"}, "method: is not one of em, empirical"),
            (
                {"name": "a/b"},
                "name: must not be blank, longer than 255 characters or reserved, or contain a slash or NUL",
            ),
            (
                {"name": " "},
                "name: must not be blank, longer than 255 characters or reserved, or contain a slash or NUL",
            ),
            ({"name": "known", "method": "empirical"}, "name: was estimated by em, not by empirical"),
        ],
    )
    def test_bad_input(self, log, arguments, message):
        ModelVersion.objects.create(name="known", method="em")
        with pytest.raises(InvalidInput) as error:
            estimate(**arguments)
        assert str(error.value) == message
        assert ModelVersion.objects.count() == 1

    def test_without_scores(self):
        with pytest.raises(InvalidInput, match="there are no scores"):
            estimate(name="v1")

    def test_batches_are_bounded(self, monkeypatch):
        monkeypatch.setattr(job, "BATCH_OPPORTUNITIES", 10)
        assert planned({1: 4, 2: 6, 3: 1, 4: 30, 5: 2}) == [([1, 2], 10), ([3], 1), ([4], 30), ([5], 2)]


class TestGate:
    def test_a_better_version_passes(self, log):
        version = estimate(name="better")

        model_version_promote(name="better", by="ada")

        held_out = version.report["held_out"]
        assert failed(version) == []
        assert held_out["candidate"]["log_loss"] < held_out["baseline"]["log_loss"] - 0.05
        assert 0.04 < held_out["improvement"]["low"] < held_out["improvement"]["mean"]
        assert held_out["improvement"]["mean"] == pytest.approx(
            held_out["baseline"]["log_loss"] - held_out["candidate"]["log_loss"]
        )
        assert held_out["improvement"]["learners"] == sum(is_held_out(f"learner-{n}") for n in range(300))
        assert active_version() == version

    def test_a_better_version_than_another_one_passes_too(self, log):
        """Both from the same log: what is in force says nothing of the items, the other one does."""

        def as_authors_say(row):
            if isinstance(row, ItemParameters):
                row.guess, row.slip, row.transit = 0.1, 0.15, 0.1

        good = estimate(name="good")
        copied(good, "plain", as_authors_say)
        model_version_promote(name="plain", by="ada", force=True, reason="because")
        # Its report compares it with the authors' parameters.
        assert self.promoted("good") == 3
        estimate(name="good")

        assert self.promoted("good") == 0
        assert active_version() == good
        assert events()[-1] == ("promoted", "good", "plain")

    def promoted(self, *arguments):
        command = promote.Command()
        call_command(command, *arguments)
        return command.exit_code

    def test_a_worse_version_is_refused(self, log):
        model_version_promote(name=estimate(name="good").name, by="ada")

        def worse(row):
            if isinstance(row, ItemParameters):
                row.guess, row.slip = 0.1, 0.15

        version = copied(ModelVersion.objects.get(name="good"), "worse", worse)

        with pytest.raises(PromotionRefused, match="is not better than the version in force"):
            model_version_promote(name="worse", by="ada")
        assert "improvement" in failed(version)
        assert version.report["held_out"]["improvement"]["mean"] < 0
        assert active_version().name == "good"

    def test_a_version_equal_within_noise_is_refused(self, log):
        model_version_promote(name=estimate(name="good").name, by="ada")
        random = np.random.default_rng(4)

        def noise(row):
            if isinstance(row, ItemParameters):
                row.guess += random.normal(0, 0.01)

        version = copied(ModelVersion.objects.get(name="good"), "other", noise)

        with pytest.raises(PromotionRefused) as error:
            model_version_promote(name="other", by="ada")
        assert failed(version) == ["improvement"] == [check["name"] for check in error.value.checks]
        low, mean = (version.report["held_out"]["improvement"][key] for key in ("low", "mean"))
        assert low < 0
        assert abs(mean) < 0.002

    def test_the_very_same_parameters_are_refused(self, log):
        model_version_promote(name=estimate(name="good").name, by="ada")
        copied(ModelVersion.objects.get(name="good"), "same")

        with pytest.raises(PromotionRefused, match=r"is not better .* log loss is 0\.00000"):
            model_version_promote(name="same", by="ada")

    def test_a_starved_kc_whose_parameters_ran_away_is_refused(self, log):
        """Better on all held-out learners together, but two learners have made a KC's parameters."""
        rare = simulated_evidence(
            "rare", [Tag(0.9, 0.0, 0.0)], prior=0.0, learners=2, responses=14, prefix="rare", seed=3
        )

        version = estimate(name="ran away", minimum_evidence=False)

        assert failed(version) == ["starved"]
        assert version.report["parameters"]["ran_away"] == [rare.pk]
        with pytest.raises(PromotionRefused, match="1 knowledge components with fewer than 30 responses"):
            model_version_promote(name="ran away", by="ada")
        left_out = estimate(name="left out")
        assert failed(left_out) == []
        assert left_out.report["left_out"] == {"starved": [rare.pk], "degenerate": []}
        call_command("estimate", "--name", "again", "--include-starved")
        assert self.promoted("again") == 3
        # By a night, which takes the newest, it is no failure; and nothing is in force.
        assert self.promoted("--latest", "--unless-refused") == 0
        assert active_version() is None
        assert events()[-2:] == [("refused", "again", None)] * 2

    def test_a_degenerate_kc_is_refused(self, log):
        def degenerate(row):
            if isinstance(row, ItemParameters) and row.knowledge_component == log["hard"]:
                row.guess, row.slip = 0.3, 0.68

        version = copied(estimate(name="good"), "degenerate", degenerate)

        assert "degenerate" in failed(version)
        assert version.report["parameters"]["degenerate"] == [log["hard"].pk]

    def test_a_kc_whose_answers_say_nothing_is_left_out_of_an_estimate_and_does_not_hold_up_the_others(
        self, log, monkeypatch, capsys
    ):
        noise = simulated_evidence("noise", [Tag(0.97, 0.03, 0.1)], prior=0.5, learners=300, responses=6, seed=5)
        monkeypatch.setattr(job, "BATCH_OPPORTUNITIES", 1)

        call_command("estimate", "--name", "v1")

        version = ModelVersion.objects.get(name="v1")
        out = capsys.readouterr().out
        assert version.batches.count() == 3
        assert failed(version) == []
        assert version.report["left_out"] == {"starved": [], "degenerate": [noise.pk]}
        assert f"guess and slip add up to 0.97 or more: 1 knowledge components (ids {noise.pk})" in out
        items, kcs = parameters(version)
        assert [kc for kc, *_ in kcs] == ["easy", "hard"]
        assert {url.split("/")[0] for url, *_ in items} == {"easy", "hard"}
        assert all(guess + slip < 0.97 for _, guess, slip, *_ in items)
        model_version_promote(name="v1", by="ada")
        # What is left out is so in every report of the version, and where all is kept the gate refuses.
        estimate(name="v2", method="empirical", minimum_evidence=False)
        model_version_promote(name="v2", by="ada", force=True, reason="because")
        assert estimate(name="v1").report["left_out"]["degenerate"] == [noise.pk]
        kept = estimate(name="v3", minimum_evidence=False)
        assert "degenerate" in failed(kept)
        assert kept.report["parameters"]["degenerate"] == [noise.pk]
        assert kept.report["left_out"] == {"starved": [], "degenerate": []}

    def test_too_few_held_out_learners(self):
        simulated_evidence("easy", EASY, prior=0.5, learners=60, responses=40)

        version = estimate(name="few")

        assert version.report["held_out"]["improvement"]["low"] > 0
        assert failed(version) == ["held_out_learners"]

    def test_a_report_on_another_version_is_out_of_date_until_it_is_made_anew(self, log):
        estimate(name="first")
        estimate(name="second", method="empirical")
        model_version_promote(name="second", by="ada")

        with pytest.raises(
            PromotionRefused, match="Its report compares it with the authors' parameters; now in force: 'second'"
        ):
            model_version_promote(name="first", by="ada")
        before = parameters(ModelVersion.objects.get(name="first"))
        again = estimate(name="first")

        assert again.report["baseline"]["name"] == "second"
        assert parameters(again) == before
        assert events()[-1] == ("reported", "first", None)

    def test_what_authors_change_after_the_report_makes_it_out_of_date(self, log):
        """A prior that is edited changes what is in force, so that the comparison is with something that is gone."""
        estimate(name="v1")
        knowledge_component_update(knowledge_component=log["easy"], mastery_prior=0.02)

        with pytest.raises(
            PromotionRefused, match="Tags or base parameters changed after its report was made"
        ) as error:
            model_version_promote(name="v1", by="ada")
        assert [check["name"] for check in error.value.checks] == ["baseline"]
        before = ModelVersion.objects.get(name="v1").report
        again = estimate(name="v1").report

        assert again["held_out"]["candidate"] == before["held_out"]["candidate"]
        assert again["held_out"]["baseline"]["log_loss"] != before["held_out"]["baseline"]["log_loss"]
        model_version_promote(name="v1", by="ada")
        assert events() == [("estimated", "v1", None), ("refused", "v1", None), ("reported", "v1", None),
                            ("promoted", "v1", None)]  # fmt: skip

    def test_a_version_without_report_is_refused(self):
        ModelVersion.objects.create(name="by hand")
        with pytest.raises(PromotionRefused, match="It has no report"):
            model_version_promote(name="by hand", by="ada")


class TestPublishing:
    @pytest.fixture
    def versions(self):
        for name in ("a", "b", "c"):
            ModelVersion.objects.create(name=name)

    def force(self, name):
        return model_version_promote(name=name, by="ada", force=True, reason="because")

    def test_force_needs_a_reason_and_keeps_it(self, versions):
        with pytest.raises(InvalidInput) as error:
            model_version_promote(name="a", by="ada", force=True, reason=" ")
        assert (error.value.field, active_version(), events()) == ("reason", None, [])

        self.force("a")

        event = ModelVersionEvent.objects.get()
        assert (event.kind, event.by, event.reason, event.previous) == ("forced", "ada", "because", None)
        assert [check["name"] for check in event.checks] == ["report"]
        assert active_version().name == "a"

    def test_refusals_stay_on_record(self, versions):
        with pytest.raises(PromotionRefused):
            model_version_promote(name="a", by="ada")
        event = ModelVersionEvent.objects.get()
        assert (event.kind, event.by, event.checks[0]["passed"]) == ("refused", "ada", False)

    def test_rolling_back_goes_back_one_promotion_each_time(self, versions):
        for name in ("a", "b", "a", "c"):
            self.force(name)

        back = [model_version_rollback(by="ben") for _ in range(2)]
        self.force("c")
        back += [model_version_rollback(by="ben") for _ in range(3)]

        assert [version and version.name for version in back] == ["a", "b", "b", "a", None]
        assert active_version() is None
        with pytest.raises(Conflict):
            model_version_rollback(by="ben")
        assert events()[-1] == ("rolled_back", "a", None)
        assert events()[-2] == ("rolled_back", "b", "a")

    def test_the_active_version_cannot_be_promoted_again(self, versions):
        self.force("a")
        with pytest.raises(Conflict, match="is already active"):
            self.force("a")

    def test_a_version_without_its_report_cannot_be_forced(self, log):
        """Its parameters are there; its model of success is not yet."""
        estimate(name="no report", with_report=False)
        with pytest.raises(Conflict, match="is still being estimated"):
            self.force("no report")

    def test_an_unfinished_version_cannot_be_forced(self, log):
        estimate_begin(name="unfinished", method="em")
        with pytest.raises(Conflict, match="is still being estimated"):
            self.force("unfinished")

    def test_an_unknown_version(self):
        with pytest.raises(ModelVersion.DoesNotExist):
            self.force("nowhere")


class TestCommands:
    def test_estimate_promote_and_roll_back(self, log, capsys):
        call_command("estimate", "--name", "v1")
        call_command("promote", "v1")
        assert EngineState.objects.get().active_model_version.name == "v1"
        call_command("rollback", "--reason", "a complaint")

        out = capsys.readouterr().out
        assert "Model version v1: 2 knowledge components" in out
        assert "passed  improvement: On held-out learners it is better than the version in force" in out
        assert "v1 is in force" in out
        assert "In force again: the authors' parameters" in out
        assert events() == [("estimated", "v1", None), ("promoted", "v1", None), ("rolled_back", "v1", None)]

    def test_exit_codes(self, log):
        ModelVersion.objects.create(name="by hand")
        codes = {}
        for arguments in (("promote", "nowhere"), ("rollback",), ("estimate", "--name", "/")):
            with pytest.raises(CommandError) as error:
                call_command(*arguments)
            codes[arguments[0]] = error.value.returncode
        assert codes == {"promote": 2, "rollback": 2, "estimate": 2}

        command = promote.Command()
        call_command(command, "by hand")
        assert command.exit_code == 3


class TestSimulation:
    def test_the_report_says_what_the_version_would_bring(self, log, capsys):
        course = collection()
        CollectionActivity.objects.bulk_create(
            CollectionActivity(collection=course, activity=item) for kc in log.values() for item in kc.activities.all()
        )
        collection("empty")
        call_command("estimate", "--name", "v1")
        (found,) = ModelVersion.objects.get(name="v1").report["simulation"]
        # Half of the six items are done, so that it matters which.
        assert (found["collection"], found["knowledge_components"], found["items"], found["learners"]) == (
            "course", 2, 3, 200,
        )  # fmt: skip
        assert found["of_items"] == 6
        assert (found["group"], found["policy"]) == (None, "design")
        assert found["difference"]["mean"] == pytest.approx(found["known"] - found["known_with_baseline"])
        assert found["difference"]["low"] < found["difference"]["mean"] < found["difference"]["high"]
        assert found["known"] != found["known_with_baseline"]
        line = (
            f"Simulated in course, policy design: after 3 of 6 items {found['known']:.2f} of 2 knowledge components are"
        )
        assert line in capsys.readouterr().out

    def test_each_group_of_a_running_experiment_is_simulated_with_its_own_settings(self, log, capsys):
        course = collection()
        known = simulated_evidence("known", EASY * 2, prior=0.7, learners=300, responses=6, seed=6)
        for item in known.activities.all():
            CollectionActivity.objects.create(collection=course, activity=item)
        experiment = Experiment.objects.create(name="stop", collection=course)
        for name, policy in (("all", "random"), ("some", "stop_on_mastery")):
            ExperimentalGroup.objects.create(
                experiment=experiment, name=name, policy=policy, mastery_threshold=0.6 if name == "some" else 0.9
            )
        draft = estimate(name="before").report["simulation"]
        experiment_start(experiment=experiment)

        call_command("estimate", "--name", "v1")

        found = ModelVersion.objects.get(name="v1").report["simulation"]
        assert [each["policy"] for each in draft] == ["design"]
        assert [(each["group"], each["policy"]) for each in found] == [("all", "random"), ("some", "stop_on_mastery")]
        # Who is stopped at a low threshold has done less.
        assert found[1]["worked"] < found[0]["worked"] == 3.0
        assert "Simulated in course, policy stop_on_mastery of the group some: " in capsys.readouterr().out

    def test_time_is_bounded_by_groups_and_learners_and_what_is_left_out_is_said(self, log, monkeypatch, capsys):
        monkeypatch.setattr(job, "SIMULATED_GROUPS", 2)
        monkeypatch.setattr(job, "SIMULATED_TAGS", 180)
        course = collection()
        for item in Activity.objects.all():
            CollectionActivity.objects.create(collection=course, activity=item)
        experiment = Experiment.objects.create(name="many", collection=course)
        for name, policy in (("a", "guarded_exploration"), ("b", "design"), ("c", "random")):
            ExperimentalGroup.objects.create(experiment=experiment, name=name, policy=policy)
        experiment_start(experiment=experiment)

        version = estimate(name="v1")
        call_command("estimate", "--name", "v1")

        report = version.report
        assert [(each["group"], each["learners"]) for each in report["simulation"]] == [("a", 30), ("b", 30)]
        assert report["not_simulated"] == ["course: group c"]
        assert "Not simulated: course: group c" in capsys.readouterr().out
        # It is the same whoever makes it again; it can be stopped within a group; who explores has fewer learners.
        assert job.simulation(version, None) == (report["simulation"], report["not_simulated"])
        asked = []
        with pytest.raises(Stopped):
            job.simulation(version, None, stop=lambda: bool(asked.append(1)) or len(asked) > 3)
        monkeypatch.setattr(job, "SIMULATED_TAGS", 2000)
        assert [each["learners"] for each in job.simulation(version, None)[0]] == [50, 200]

    def test_what_is_too_large_or_too_small_is_left_out(self, log, monkeypatch, capsys):
        monkeypatch.setattr(job, "SIMULATED_SIZE", 7)
        large, small = collection("large"), collection("small")
        for number, item in enumerate(Activity.objects.all()[:4]):
            CollectionActivity.objects.create(collection=large, activity=item)
            if number < 3:
                CollectionActivity.objects.create(collection=small, activity=item)

        call_command("estimate", "--name", "v1")

        report = ModelVersion.objects.get(name="v1").report
        assert (report["simulation"], report["not_simulated"]) == ([], ["large: too large", "small: too few items"])
        assert "Not simulated: small: too few items" in capsys.readouterr().out


class TestNightly:
    """What the steps of the nightly pipeline do, in their order and again."""

    STEPS = [step.command for step in NIGHTLY.steps if step.name in ("estimate", "evaluate", "gate", "promote")]

    def night(self):
        codes = []
        for name, *arguments in self.STEPS:
            codes.append(self.run(name, *arguments))
        return codes

    def run(self, name, *arguments):
        command = (promote if name == "promote" else estimate_command).Command()
        call_command(command, *arguments)
        return command.exit_code

    def test_a_better_version_is_promoted_and_the_next_one_refused_without_a_failure(self, log, capsys):
        assert self.night() == [0, 0, 0, 0]
        first = active_version()
        assert first.name.startswith("em-")
        assert self.night() == [0, 0, 0, 0]
        assert active_version() == first
        second = ModelVersion.objects.exclude(pk=first.pk).get()
        # The gate's step leaves no trace on record; the promotion's does.
        assert events() == [
            ("estimated", first.name, None),
            ("promoted", first.name, None),
            ("estimated", second.name, None),
            ("refused", second.name, first.name),
        ]
        assert f"the gate refuses {second.name}: improvement" in capsys.readouterr().out

    def test_each_step_can_be_done_again(self, log):
        for name, *arguments in [command for command in self.STEPS for _ in range(2)]:
            call_command(name, *arguments)
        assert events() == [(kind, active_version().name, None) for kind in ("estimated", "promoted")]

    def test_an_estimate_that_was_stopped_is_continued(self, log):
        estimate(name="stopped", with_report=False)
        call_command("estimate", "--continue", "--method", "empirical")
        call_command("estimate", "--continue")
        assert ModelVersion.objects.get(name="stopped").finished_at is not None
        assert ModelVersion.objects.count() == 2

    def test_an_empty_log_is_no_failure(self):
        assert self.night() == [0, 0, 0, 0]
        assert not ModelVersion.objects.exists()

    def test_a_rollback_lasts_until_somebody_promotes_a_version_by_its_name(self, log, capsys):
        """The next nights' versions, which pass the gate just as well, are held; that is on record once."""
        self.night()
        first = active_version()
        model_version_rollback(by="ada", reason="a complaint")
        rollback = ModelVersionEvent.objects.get(kind="rolled_back")
        capsys.readouterr()

        assert [self.night(), self.night()] == [[0, 0, 0, 0]] * 2

        second, third = ModelVersion.objects.exclude(pk=first.pk).order_by("pk")
        assert (failed(second), failed(third), active_version()) == ([], [], None)
        assert [event for event in events() if event[0] != "estimated"] == [
            ("promoted", first.name, None),
            ("rolled_back", first.name, None),
            ("held", second.name, None),
        ]
        held = ModelVersionEvent.objects.get(kind="held")
        message = (
            f"The last change of the active version was a rollback of {first.name!r} at "
            f"{rollback.at.isoformat(timespec='seconds')} by ada; `promote NAME` puts a version in force, and "
            "schedules may promote again."
        )
        assert held.checks[-1] == {"name": "held", "passed": False, "message": message}
        out = capsys.readouterr().out
        assert f"the gate passes {third.name}; held: {message}" in out
        assert out.count(f"held: {message}") == 4

        assert self.run("promote", "--latest") == 3
        assert self.run("promote", "--latest", "--force", "--reason", "now") == 3
        assert self.run("promote", second.name) == 0
        assert active_version() == second
        # Better by far, so that the gate does not stand in its way.
        version = copied(second, "best", lambda row: None)
        EstimationBatch.objects.create(model_version=version, number=0, knowledge_components=[], responses=0,
                                       done_at=NOON)  # fmt: skip
        ModelVersion.objects.filter(pk=version.pk).update(report=version.report | {"checks": []})
        assert self.run("promote", "--latest", "--unless-refused") == 0
        assert active_version() == version

    def test_what_was_rolled_back_is_not_promoted_again_by_a_schedule(self, log, capsys):
        """Also not when somebody has promoted another version since."""
        older = estimate(name="older", method="empirical", with_report=False)
        self.night()
        latest = active_version()
        model_version_rollback(by="ada")
        model_version_promote(name=estimate(name="older", method="empirical").name, by="ada")
        estimate(name=latest.name)

        assert self.run("promote", "--latest", "--unless-refused") == 0

        assert active_version() == older
        assert f"held: {latest.name!r} was rolled back at" in capsys.readouterr().out
        assert events()[-1] == ("held", latest.name, "older")

    def test_a_refusal_of_another_version_does_not_release(self, log):
        self.night()
        model_version_rollback(by="ada")
        ModelVersion.objects.create(name="by hand")
        assert self.run("promote", "by hand") == 3
        self.night()
        assert active_version() is None

    def test_options_that_contradict_each_other(self):
        for arguments in (
            ("promote",),
            ("promote", "v1", "--latest"),
            ("estimate", "--background", "--parameters-only"),
        ):
            with pytest.raises(CommandError) as error:
                call_command(*arguments)
            assert error.value.returncode == 2


def test_log_end_of_an_empty_log():
    assert log_end() == LogEnd(0, 0)
    assert KnowledgeComponent.objects.count() == 0

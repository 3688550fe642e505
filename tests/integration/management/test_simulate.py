"""The command that simulates learners: what it prints, and what it refuses."""

import json
import re

import pytest
from django.core.management import CommandError, call_command


class TestCommand:
    def test_json(self, capsys):
        call_command(
            "simulate", "--json", "--learners=2", "--items=5", "--family=forgetting",
            "--policy=random", "--policy=stop_on_mastery", "--policy=weights_2018",
        )  # fmt: skip

        families = json.loads(capsys.readouterr().out)["families"]
        assert list(families) == ["forgetting"]
        assert list(families["forgetting"]) == ["random", "stop_on_mastery", "weights_2018"]
        stop = families["forgetting"]["stop_on_mastery"]
        assert set(stop["against"]) == {"random", "weights_2018"}
        assert stop["against"]["random"].keys() == {"mean", "low", "high", "verdict"}
        assert families["forgetting"]["random"]["unknown_at_stop"] is None
        assert "unknown_at_stop" not in families["forgetting"]["random"]["intervals"]
        low, high = stop["intervals"]["known"]
        assert low <= stop["known"] <= high
        assert families["forgetting"]["random"]["unknown_confirmed"] is None
        assert families["forgetting"]["random"]["confirmed"] == 0.0
        assert families["forgetting"]["random"]["items"] == 5.0

    def test_table(self, capsys):
        call_command("simulate", "--learners=2", "--items=3", "--family=wrong_graph", "--policy=random")

        lines = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith("{")]
        assert lines[0] == "wrong_graph: true prerequisites that differ from the authors'"
        assert lines[1].split()[0] == "policy"
        assert lines[2].split()[0] == "random"
        known, low, high = re.match(r"random +(\d\.\d\d) \[(\d\.\d\d), (\d\.\d\d)\] ", lines[2]).groups()
        assert float(low) <= float(known) <= float(high)

    @pytest.mark.parametrize(
        ("argument", "problem"),
        [
            ("--policy=greedy", "policy: 'greedy' is not one of design, stop_on_mastery"),
            ("--family=robots", "family: 'robots' is not one of own_model"),
            ("--learners=1", "learners: must be from 2"),
            ("--items=0", "items: must be from 1"),
            ("--seed=-1", "seed: must be from 0"),
        ],
    )
    def test_wrong_usage(self, argument, problem):
        with pytest.raises(CommandError, match=problem) as caught:
            call_command("simulate", argument)

        assert caught.value.returncode == 2

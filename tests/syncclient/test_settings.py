"""Settings: named, with units, validated, overridable from the environment."""

from __future__ import annotations

import dataclasses

import pytest

from gapless.syncclient.errors import SettingsError
from gapless.syncclient.settings import Settings

NUMBERS = [field.name for field in dataclasses.fields(Settings) if field.name not in ("certainty", "trusts_count")]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", True, None])
def test_a_value_that_cannot_work_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type]


def test_the_environment_overrides_and_arguments_win() -> None:
    settings = Settings.from_environment({"GAPLESS_SILENCE_S": "30", "GAPLESS_SETTLE_S": "1"}, settle_s=2.0)
    assert (settings.silence_s, settings.settle_s) == (30.0, 2.0)


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="GAPLESS_SILENCE_S is 'soon'"):
        Settings.from_environment({"GAPLESS_SILENCE_S": "soon"})


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_whether_counts_are_trusted_is_yes_or_no(value: object) -> None:
    with pytest.raises(SettingsError, match=r"trusts_count is .*; give True or False"):
        Settings(trusts_count=value)  # type: ignore[arg-type]


def test_the_environment_can_trust_counts() -> None:
    assert Settings.from_environment({"GAPLESS_TRUSTS_COUNT": "true"}).trusts_count
    assert not Settings.from_environment({"GAPLESS_TRUSTS_COUNT": "0"}).trusts_count
    with pytest.raises(SettingsError, match="GAPLESS_TRUSTS_COUNT is 'often'; give true or false"):
        Settings.from_environment({"GAPLESS_TRUSTS_COUNT": "often"})


@pytest.mark.parametrize(
    "values",
    [
        {"certainty": "all"},
        {"page_size_events": 101},
        {"page_size_events": 2},
        {"backoff_s_min": 20.0},
        {"silence_s": 90.0},
    ],
)
def test_values_that_contradict_the_server_or_one_another_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        Settings(**values)  # type: ignore[arg-type]

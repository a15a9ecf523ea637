"""Scenario files: what is wrong is said in one sentence, with file, line, key and cure."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from gapless.scenarios.definition import catalogue, json_schema
from gapless.scenarios.definition.file_index import CATALOGUE
from gapless.scenarios.definition.loading import load_file, parse
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.errors import ScenarioError, UsageError

VALIDATOR = jsonschema.Draft202012Validator(json.loads(json_schema.PATH.read_text(encoding="utf-8")))

GOOD = """name = "mine"
title = "A title"
origin = "me"

[workload]
history_events = 3

[[workload.runs]]
actions = 2

[[faults]]
kind = "event-drop"
match = { kind = "ActionEvent" }

[[faults]]
kind = "event-delay"
delay_s = 2
"""


def wrong(text: str) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "mine.toml")
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_good_file_is_a_scenario() -> None:
    scenario = parse(GOOD, "mine.toml")
    assert scenario.name == "mine"
    assert [fault.kind for fault in scenario.faults] == ["event-drop", "event-delay"]
    assert len(scenario.variants()) == 6


def test_a_misspelt_key_gets_its_line_and_a_suggestion() -> None:
    error = wrong(GOOD.replace("history_events", "history_event"))
    assert str(error) == "mine.toml:6: workload.history_event: is no known key; did you mean 'history_events'?"


def test_a_misspelt_key_of_a_fault_is_found_in_the_right_fault() -> None:
    error = wrong(GOOD.replace("delay_s = 2", "delay_sec = 2"))
    assert (error.line, error.key) == (17, "faults.1.delay_sec")
    assert "did you mean 'delay_s'?" in str(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("probability = 0.5", "is no known key here; it belongs to match"),
        ("history_events = 3", "is no known key; the keys are delay_s, kind, match, name, until"),
    ],
)
def test_a_key_that_stands_elsewhere_is_not_suggested_for_itself(text: str, told: str) -> None:
    assert str(wrong(GOOD.replace("delay_s = 2", f"delay_s = 2\n{text}"))).endswith(told)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{ sleep = 5 }", "script.1.sleep: is no known key; did you mean 'sleep_s'?"),
        (
            '{ sleep_s = 5, send = "x" }',
            "keep one of answer, lease_s, navigate, restart_s, send, sleep_s, suspend_s",
        ),
    ],
)
def test_a_step_that_is_none_says_which_there_are(step: str, told: str) -> None:
    text = f'name = "x"\ntitle = "x"\norigin = "x"\nscript = ["attach", {step}]'
    assert str(wrong(text)).endswith(told)


def test_a_key_at_the_top_that_belongs_to_a_table_names_the_table() -> None:
    assert str(wrong("history_events = 4\n" + GOOD)).endswith(
        "history_events: is no known key here; it belongs to workload"
    )


def test_an_unknown_kind_of_fault_gets_a_suggestion() -> None:
    error = wrong(GOOD.replace('"event-drop"', '"event-dorp"'))
    assert str(error) == "mine.toml:11: faults.0: 'event-dorp' is no kind of fault; did you mean 'event-drop'?"


def test_a_word_that_is_not_allowed_lists_the_words_that_are() -> None:
    error = wrong('generations = ["tree", "shrub"]\n' + GOOD)
    assert "'shrub' is not allowed here" in str(error)
    assert error.line == 1


def test_a_number_that_is_not_allowed_lists_the_numbers_that_are() -> None:
    error = wrong(GOOD + '\n[[faults]]\nkind = "rest-cursor-loop"\nperiod = 3\n')
    assert str(error).endswith("faults.2.period: 3 is not allowed here; give 1 or 2")


def test_a_missing_key_says_what_to_add() -> None:
    error = wrong(GOOD.replace('title = "A title"\n', ""))
    assert str(error) == "mine.toml: title: is missing; add `title = …`"


def test_a_value_out_of_range_says_so() -> None:
    error = wrong(GOOD.replace("delay_s = 2", "delay_s = -2"))
    assert error.key == "faults.1.delay_s"
    assert "-2" in str(error)
    assert "give a number above 0" in str(error)


def test_contradictory_values_are_refused() -> None:
    error = wrong(GOOD.replace("[workload]", '[workload]\nrecording = "agent-server-1.57.0"'))
    assert "a recording brings its own history_events and runs" in str(error)


def test_a_fault_that_contradicts_itself_is_refused() -> None:
    error = wrong(GOOD.replace('{ kind = "ActionEvent" }', "{ after_s = 3, before_s = 2 }"))
    assert "before_s" in str(error)


def test_two_faults_of_one_name_are_refused() -> None:
    named = GOOD.replace('kind = "event-d', 'name = "one"\nkind = "event-d')
    assert "two are called 'one'" in str(wrong(named))


def test_text_that_is_not_toml_says_where() -> None:
    error = wrong("name = \n")
    assert error.line == 1
    assert "not valid TOML" in str(error)


def test_a_script_has_to_attach_first() -> None:
    assert "attach before anything else" in str(wrong('script = ["run"]\n' + GOOD))


def test_a_file_that_is_not_there_says_so() -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_file(Path("/nowhere/mine.toml"))


def test_the_schema_file_is_current() -> None:
    assert json_schema.PATH.read_text(encoding="utf-8") == json_schema.render(), (
        "run `python -m gapless.scenarios.definition.json_schema`"
    )


@pytest.mark.parametrize("path", sorted(CATALOGUE.glob("*.toml")), ids=lambda path: path.stem)
def test_each_file_of_the_catalogue_is_well_made(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#:schema ../definition/scenario.schema.json\n")
    scenario = load_file(path)
    assert scenario.name == path.stem
    assert scenario.story.strip()
    for generation, cursor in scenario.variants():
        kills = [kill for kill in scenario.kills if kill.applies(generation, cursor)]
        assert kills or scenario.documentation, f"{generation}/{cursor} names no baseline that it kills"
    VALIDATOR.validate(tomllib.loads(text))


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(tomllib.loads(GOOD.replace("delay_s", "delay_sec")))


def test_a_scenario_survives_being_written_as_data() -> None:
    from gapless.scenarios.capsules.capsule import scenario_data

    for scenario in catalogue.catalogue():
        data = json.loads(json.dumps(scenario_data(scenario), allow_nan=False))
        assert Scenario.model_validate(data) == scenario


def test_every_race_is_there_but_those_that_wait_for_the_client() -> None:
    races = {race for scenario in catalogue.catalogue() for race in scenario.races}
    rows = (range(1, 8), range(10, 23), range(30, 42), range(50, 64), range(64, 90))
    waiting = {"R14", "R53", "R54", "R60", "R64", "R65", "R68", "R89"}
    assert races | waiting >= {f"R{number:02}" for row in rows for number in row}


def test_every_fault_of_the_first_set_acts_on_the_recorded_conversation() -> None:
    first_set = "event-delay event-drop event-duplicate event-reorder link-latency link-stall link-reset link-close"
    first_set += " link-refuse rest-status rest-timeout rest-malformed rest-unknown-cursor"
    recorded = [one for one in catalogue.catalogue() if one.workload.recording is not None]
    tried = {fault.kind for scenario in recorded for fault in scenario.faults}
    assert tried >= set(first_set.split())


def test_names_are_found_whatever_their_case_and_races_too() -> None:
    assert [one.name for one in catalogue.find("R10-LATE-TAIL")] == ["r10-late-tail"]
    assert [one.name for one in catalogue.find("r10")] == ["r10-late-tail"]
    assert {one.name[:4] for one in catalogue.find("R51")} == {"r51-"}
    assert len(catalogue.find("R51")) > 1


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'r10-late-tail'"):
        catalogue.find("r10-late-tale")


def test_a_race_of_several_scenarios_is_not_one() -> None:
    with pytest.raises(UsageError, match="name one of r51-"):
        catalogue.find_one("R51")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'match = { kind = "ActionEvent", after_fault = "lots" }',
            "'lost' waits for the fault 'lots', and there is none; there are 'lost'",
        ),
        (
            'match = { step = "close" }',
            "faults.0.match: names step close, and the script has 0 of that name; name one that is played",
        ),
        (
            'match = { step = { name = "run", nth = 2 } }',
            "names step run (nth = 2), and the script has 1 of that name",
        ),
        (
            "match = { run = 2 }",
            "mine.toml:8: faults.0.match: names run 2, and the script and the background begin 1; name one of these",
        ),
        (
            "match = { run = 1, after_s = 3 }",
            "after_s is a time on the clock and run is a cause, and both say when; drop after_s",
        ),
    ],
)
def test_a_cause_that_cannot_come_is_refused(text: str, told: str) -> None:
    fault = f'\n[[faults]]\nkind = "event-drop"\nname = "lost"\n{text}\n'
    assert told in str(wrong('name = "x"\ntitle = "x"\norigin = "x"\n' + fault))


def test_a_background_entry_has_one_moment() -> None:
    head = 'name = "x"\ntitle = "x"\norigin = "x"\n[[workload.background]]\nmessage = "x"\n'
    assert "a background entry needs a moment; add `at = { … }`, its cause" in str(wrong(head))
    assert "both say when; keep at" in str(wrong(head + "at_s = 1\nat = { run = 1, begins = true }\n"))
    assert "waits for the fault 'cut', and there is none" in str(wrong(head + 'at = { after_fault = "cut" }\n'))


def test_causes_are_written_as_the_catalogue_writes_them() -> None:
    text = render(next(one for one in catalogue.catalogue() if one.name == "r50-page-borders"))
    assert "match = { durable = true, run = 1, nth = { from = 47, to = 176 } }" in text
    text = render(next(one for one in catalogue.catalogue() if one.name == "r16-anothers-final-snapshot"))
    assert 'at = { step = "attach", returned = true, delay_s = 2 }' in text
    assert "until = { run = 2, event = 7 }" in text


def aimed_by_the_clock(scenario: Scenario) -> list[str]:
    """What acts at a second on the clock, or within a window of them."""
    faults = [
        str(fault.name or fault.kind) for fault in scenario.faults if fault.match.window or getattr(fault, "at_s", None)
    ]
    return faults + [f"background {entry.at_s}" for entry in scenario.workload.background if entry.at_s is not None]


def known_races() -> list[Scenario]:
    pending = sorted((Path(__file__).parent / "pending").glob("*.toml"))
    return [*catalogue.catalogue(), *(load_file(path) for path in pending)]


def test_nothing_in_the_catalogue_is_aimed_by_a_second_on_the_clock() -> None:
    assert {one.name: aimed_by_the_clock(one) for one in known_races() if aimed_by_the_clock(one)} == {}


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        ("{ sleep_s = 1 }", "sleep"),
        ("{ suspend_s = 1 }", "suspend"),
        ("{ restart_s = 1 }", "restart"),
        ('{ answer = "42" }', "answer"),
        ("{ navigate = 1 }", "navigate"),
        ('"wait_for_end"', "wait_for_end"),
        ('"reopen"', "reopen"),
        ('"heal"', "heal"),
    ],
)
def test_a_cause_can_be_any_step_of_the_script(step: str, cause: str) -> None:
    head = f'name = "x"\ntitle = "x"\norigin = "x"\nscript = ["attach", {step}, "run"]\n'
    background = f'[[workload.background]]\nmessage = "x"\nat = {{ step = "{cause}" }}\n'
    assert parse(head + background, "mine.toml").workload.background[0].at is not None
    assert "the script has 0 of that name" in str(wrong(head.replace(f"{step}, ", "") + background))


# --- one bracket for two, and two for one -----------------------------------------------------------------------------


def lists_and_tables() -> dict[str, list[str]]:
    """Every key of a file that holds tables, by what it wants: a list of them, or one. Read from the schema."""
    root = Scenario.model_json_schema()
    found: dict[str, list[str]] = {"list": [], "table": []}

    def behind(schema: dict[str, Any]) -> dict[str, Any]:
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        schema = choices[0] if len(choices) == 1 else schema
        return root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def walk(schema: dict[str, Any], above: str) -> None:
        for name, value in schema.get("properties", {}).items():
            inner = behind(value)
            if inner.get("type") == "array":
                items = behind(inner.get("items", {}))
                if "oneOf" in items or items.get("type") == "object":
                    found["list"].append(f"{above}{name}")
            elif inner.get("type") == "object" and "properties" in inner and above.count(".") < 2:
                found["table"].append(f"{above}{name}")
                walk(inner, f"{above}{name}.")

    walk(root, "")
    return found


def test_the_schema_has_lists_of_tables_and_tables() -> None:
    known = lists_and_tables()
    assert {"faults", "kills", "workload.background", "workload.runs", "budget.allowances"} <= set(known["list"])
    assert {"expect", "workload", "budget", "second_client", "budget.attach_calls"} <= set(known["table"])


@pytest.mark.parametrize("key", lists_and_tables()["list"])
def test_one_table_for_a_list_of_tables_says_which_brackets(key: str) -> None:
    error = wrong(f'name = "mine"\ntitle = "A"\norigin = "me"\n[{key}]\nx = 1\n')
    assert str(error) == f"mine.toml:4: {key}: is one table, and a list of tables belongs here; write `[[{key}]]`"


@pytest.mark.parametrize("key", lists_and_tables()["table"])
def test_a_list_for_one_table_says_which_brackets(key: str) -> None:
    error = wrong(f'name = "mine"\ntitle = "A"\norigin = "me"\n[[{key}]]\nx = 1\n')
    assert str(error) == f"mine.toml:4: {key}: is a list, and one table belongs here; write `[{key}]`"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[script]\nsend = "x"\n', "script: is a table, and a list belongs here; write `script = [ … ]`"),
        ("[generations]\na = 1\n", "generations: is a table, and a list belongs here; write `generations = [ … ]`"),
        (
            '[[faults]]\nkind = "event-drop"\n[[faults.match]]\nnth = 1\n',
            "faults.0.match: is a list, and one table belongs here; write `match = { … }`",
        ),
    ],
)
def test_a_table_for_another_list_says_how_to_write_one(text: str, told: str) -> None:
    assert told in str(wrong(f'name = "mine"\ntitle = "A"\norigin = "me"\n{text}'))

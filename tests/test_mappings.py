import shutil
from pathlib import Path

import pytest

from bot.domain.routing import RoutingRules
from bot.domain.severity import Severity
from bot.errors import SettingsError
from bot.mappings import load_mappings

SHIPPED = Path(__file__).parents[1] / "mappings"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "mappings"))


def complaint_of(folder: Path, name: str, old: str, new: str) -> SettingsError:
    """Change one text of one file and return what is said about it."""
    path = folder / name
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_mappings(folder)
    assert caught.value.place == str(path)
    return caught.value


def test_the_shipped_mappings_are_right() -> None:
    mappings = load_mappings(SHIPPED)
    assert mappings.workdays.default_calendar == "strict"
    assert mappings.sla.first_response.count == 2
    assert mappings.severity.labels[Severity.HIGH] == "severity::high"


def test_a_country_that_yaml_would_take_for_no_is_norway(folder: Path) -> None:
    path = folder / "workdays.yaml"
    path.write_text(
        "time_zone: Europe/Oslo\ndefault_calendar: norway\ncalendars:\n  norway: {country: NO}\n", "utf-8"
    )
    assert load_mappings(folder).workdays.calendars["norway"].country == "NO"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "sla.yaml",
            ("first_response: 2 wd", "first_respons: 2 wd"),
            ("first_response", "is missing", "Write for example `first_response: 2 wd`"),
        ),
        (
            "sla.yaml",
            ("first_response: 2 wd", "first_response: two days"),
            (
                "first_response",
                '"two days" is not a number of working days (wd) or days (d)',
                "Write for example `first_response: 2 wd`",
            ),
        ),
        (
            "sla.yaml",
            ("low: {triage:", "low: {triag: 3 wd, triage:"),
            ("severities.low.triag", "is not a known key", "Did you mean triage?"),
        ),
        (
            "sla.yaml",
            ("low: {triage:", "lwo: {triage:"),
            (
                "severities.lwo",
                "input should be 'critical', 'high', 'medium', 'low', 'none' or 'unrated'",
                "Did you mean low?",
            ),
        ),
        (
            "sla.yaml",
            ("triage: 10 wd, ", ""),
            ("severities.low.triage", "is missing", "Write for example `triage: 5 wd`"),
        ),
        (
            "workdays.yaml",
            ("time_zone:", "colour: red\ntime_zone:"),
            (
                "colour",
                "is not a known key",
                "The keys here are: calendars, default_calendar, extra_free, extra_working, time_zone",
            ),
        ),
        (
            "workdays.yaml",
            ("only_years_divisible_by: 5", "only_years_divisible_by: five"),
            (
                "calendars.strict.holidays.4.only_years_divisible_by",
                "input should be a valid integer, unable to parse string as an integer",
                "Write for example `only_years_divisible_by: 5`",
            ),
        ),
        (
            "workdays.yaml",
            ("extra_free: []", "extra_free: [2026-02-30]"),
            ("extra_free.0", '"2026-02-30" is not a date', "Write for example `extra_free: [2026-05-15]`"),
        ),
        (
            "workdays.yaml",
            ("extra_free: []", "extra_free: 2026-05-15"),
            ("extra_free", "input should be a valid tuple", "Write for example `extra_free: [2026-05-15]`"),
        ),
        (
            "severity.yaml",
            ("critical: 9.0", "critical: nine"),
            ("bands.critical", "input should be a valid decimal", "Write for example `bands: {high: 7.0}`"),
        ),
    ],
)
def test_a_mistake_is_named_with_file_key_and_mend(
    folder: Path, name: str, change: tuple[str, str], said: tuple[str, str, str]
) -> None:
    complaint = complaint_of(folder, name, *change)
    assert (complaint.key, complaint.problem, complaint.mend) == said


def test_an_unknown_holiday_is_named_with_the_names_that_are_known(folder: Path) -> None:
    complaint = complaint_of(folder, "workdays.yaml", "- Koningsdag", "- Koninginnedag")
    assert complaint.key == "calendars.strict.holidays"
    assert complaint.problem.startswith('knows no holiday "Koninginnedag"')
    assert "Koningsdag, Nieuwjaarsdag" in complaint.problem


def test_a_key_that_stands_twice_is_named_with_its_line(folder: Path) -> None:
    complaint = complaint_of(
        folder, "sla.yaml", "first_response: 2 wd", "first_response: 2 wd\nfirst_response: 9 wd"
    )
    assert (complaint.key, complaint.problem) == ("line 6", '"first_response" stands twice')


def test_a_key_that_stands_twice_deeper_down_is_named_too(folder: Path) -> None:
    complaint = complaint_of(folder, "severity.yaml", "P2: high", "P1: high")
    assert complaint.problem == '"P1" stands twice'


def test_broken_yaml_is_named_with_its_line(folder: Path) -> None:
    complaint = complaint_of(folder, "sla.yaml", "first_response: 2 wd", "first_response: [2 wd")
    assert complaint.key.startswith("line ")


def test_python_objects_in_yaml_are_never_built(folder: Path) -> None:
    complaint = complaint_of(folder, "sla.yaml", "2 wd", "!!python/object/apply:os.getcwd []")
    assert complaint.key.startswith("first_response")


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "sla.yaml").unlink()
    with pytest.raises(SettingsError, match=r"sla\.yaml: file: there is no such file"):
        load_mappings(folder)


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"just words", b"\xff\xfe\x00", b"a: *b"])
def test_a_file_that_holds_something_else_is_named(folder: Path, content: bytes) -> None:
    (folder / "sla.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"sla\.yaml"):
        load_mappings(folder)


def test_without_a_routing_file_as_older_releases_had_none_every_report_takes_the_default(
    folder: Path,
) -> None:
    (folder / "routing.yaml").unlink()
    assert load_mappings(folder).routing == RoutingRules()


ROUTE = "routes: [{name: dns, when: {keywords: [dns]}, %s}]"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "calendar: loose",
            ("routes.dns.calendar", 'there is no calendar "loose"', "Use one of: strict, atw"),
        ),
        (
            'labels: ["severity::high"]',
            (
                "routes.dns.labels",
                '"severity::high" is the label of a severity',
                "Only a person sets a severity; take it out",
            ),
        ),
        ("label: dns", ("routes.0.label", "is not a known key", "Did you mean labels?")),
        (
            "owner: []",
            ("routes.0.owner", "input should be a valid string", "Write for example `owner: dns-team`"),
        ),
    ],
)
def test_a_route_that_names_what_is_not_there_is_named(
    folder: Path, line: str, said: tuple[str, str, str]
) -> None:
    complaint = complaint_of(folder, "routing.yaml", "routes: []", ROUTE % line)
    assert (complaint.key, complaint.problem, complaint.mend) == said

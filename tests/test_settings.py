"""Settings are read from three places, and whatever is wrong with them is one plain sentence."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from dotenv import dotenv_values
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bot.adapters.vault import new_secret_key
from bot.errors import SettingsError
from bot.setting_files import load_settings
from bot.settings import PREFIX, OAuthSettings, Settings, TrackerSettings

EXAMPLE = Path(__file__).parents[1] / "settings.example.env"
SECRET = "a-random-word-nobody-guesses"
NEEDED = {"SECRET_KEYS": new_secret_key(), "INDEX_SECRET": SECRET}
GITLAB = {
    "TRACKERS__MAIN__KIND": "gitlab",
    "TRACKERS__MAIN__URL": "https://gitlab.example.nl/",
    "TRACKERS__MAIN__TOKEN": "token-geheim",
    "TRACKERS__MAIN__PROJECT": "security/reports",
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(monkeypatch: pytest.MonkeyPatch, *places: Path | None, **settings: str) -> Settings:
    """Load what stands in the environment, a settings file and a folder of secrets."""
    file, folder = (*places, None, None)[:2]
    for name, value in settings.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    return load_settings(settings_file=file, secrets_dir=folder)


def complaint(monkeypatch: pytest.MonkeyPatch, *places: Path | None, **settings: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        loaded(monkeypatch, *places, **settings)
    return caught.value


def written(path: Path, **settings: str) -> Path:
    path.write_text("".join(f"{PREFIX}{name}={value}\n" for name, value in settings.items()), "utf-8")
    return path


def defaults(model: type[BaseModel] = Settings, path: str = PREFIX) -> Mapping[str, object]:
    """Every name that may be set, with its default; trackers have the name MAIN."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        here = f"{path}{name.upper()}"
        if name == "trackers":
            found |= defaults(TrackerSettings, f"{here}__MAIN__")
        elif name == "oauth":
            found |= defaults(OAuthSettings, f"{here}__")
        elif isinstance(field.default, BaseModel):
            found |= defaults(type(field.default), f"{here}__")
        else:
            found[here] = field.default
    return found


def example(*, commented: bool) -> Mapping[str, str | None]:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    pattern = rf"#({PREFIX}\w+)=(.*)" if commented else rf"({PREFIX}\w+)=(.*)"
    return {found[1]: found[2] for line in lines if (found := re.fullmatch(pattern, line))}


def test_every_setting_stands_in_the_example_once_and_nothing_else_does() -> None:
    shown, hidden = example(commented=False), example(commented=True)
    assert shown.keys() & hidden.keys() == set()
    assert {*shown, *hidden} == defaults().keys()


# Where the example shows how a value is written, because the default depends on other settings or is none.
NO_FIXED_DEFAULT = {
    "FORM__SIGNING_KEYS",
    "KEYS_URL",
    "MAILBOX__PORT",
    "MAILBOX__PATH",
    "MAILBOX__OWN_DOMAINS",
    "MAILBOX__OWN_HOSTS",
    "MAILBOX__AUTHSERV_ID",
    "MAILER__PORT",
    "MAILER__SENDER",
    "TRACKERS__MAIN__DEPLOYMENT",
    "TRACKERS__MAIN__USERNAME",
    "TRACKERS__MAIN__SECURITY_LEVEL",
    "TRACKERS__MAIN__SETTLE_SECONDS",
}


def test_what_is_commented_out_in_the_example_is_the_default() -> None:
    for name, value in example(commented=True).items():
        default = defaults()[name]
        if name.removeprefix(PREFIX) in NO_FIXED_DEFAULT or "__OAUTH__" in name:
            assert default in (None, (), PydanticUndefined)
        else:
            written = ",".join(default) if isinstance(default, tuple) else str(default)
            assert value == (written.lower() if isinstance(default, bool) else written)


def test_the_example_filled_in_loads_and_with_all_comments_taken_away_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = EXAMPLE.read_text("utf-8")
    for name, value in NEEDED.items():
        text = text.replace(f"{name}=\n", f"{name}={value}\n")
    text = text.replace("PASSWORD=\n", "PASSWORD=open-sesame\n").replace("TOKEN=\n", "TOKEN=a-token\n")
    file = tmp_path / "filled.env"
    whole = re.sub(rf"\n#({PREFIX}(?!\w+__OAUTH__))", r"\n\1", text)
    for content in (text, whole):
        file.write_text(content, "utf-8")
        settings = loaded(monkeypatch, file)
        assert settings.mailbox.folders == ("INBOX", "Junk")
        assert settings.trackers["main"].project == "security/reports"
        assert settings.sender == "security@example.nl"
    assert settings.mailbox.own_hosts == ("mx1.example.nl", "mx2.example.nl")
    assert None not in dotenv_values(file).values()


def test_the_example_as_it_is_names_the_first_thing_to_fill_in(monkeypatch: pytest.MonkeyPatch) -> None:
    said = complaint(monkeypatch, EXAMPLE)
    assert (said.place, said.key, said.problem) == (str(EXAMPLE), "MELDPUNT_SECRET_KEYS", "is not set")
    said = complaint(monkeypatch, EXAMPLE, **NEEDED)
    assert (said.key, said.problem) == (
        "MELDPUNT_MAILBOX",
        "kind `imap` needs MELDPUNT_MAILBOX__PASSWORD too",
    )


@pytest.mark.parametrize(
    ("settings", "key", "problem", "mend"),
    [
        ({"ORGANIZATION": "x"}, "ORGANIZATION", "no such setting", "Did you mean MELDPUNT_ORGANISATION?"),
        ({"MAILBOX__HOTS": "x"}, "MAILBOX__HOTS", "no such setting", "settings.example.env"),
        ({"MAILBOX_HOST": "x"}, "MAILBOX_HOST", "no such setting", "Did you mean MELDPUNT_MAILBOX?"),
        ({"QQQQQQQQ": "x"}, "QQQQQQQQ", "no such setting", "settings.example.env"),
        ({"INDEX_SECRET": "geheim"}, "INDEX_SECRET", "fewer than 16 characters", "never changes"),
        ({"INDEX_SECRET": ""}, "INDEX_SECRET", "is not set", "never changes"),
        ({"SECRET_KEYS": ""}, "SECRET_KEYS", "is not set", "meldpunt keys new"),
        ({"WEB__PORT": "geheim"}, "WEB__PORT", "valid integer", "settings.example.env"),
        ({"WEB__PORT": "70000"}, "WEB__PORT", "less than or equal to 65535", ""),
        ({"MAILBOX__PORT": "0"}, "MAILBOX__PORT", "greater than or equal to 1", ""),
        ({"MAILBOX__KIND": "pop3"}, "MAILBOX__KIND", "'imap', 'maildir' or 'none'", ""),
        ({"MAILER__SECURITY": "ssl"}, "MAILER__SECURITY", "'tls', 'starttls' or 'none'", ""),
        ({"TEAM__LANGUAGE": "de"}, "TEAM__LANGUAGE", "'nl' or 'en'", ""),
        ({"REFERENCE_PREFIX": "cvd!"}, "REFERENCE_PREFIX", "match", "such as CVD"),
        ({"DATABASE_URL": "geheim"}, "DATABASE_URL", "not the address of a database", "sqlite:///FILE"),
        ({"KEYS_URL": "mysql://u:geheim@h/d"}, "KEYS_URL", "not the address", "sqlite:///FILE"),
        ({"DATABASE_URL": "postgresql://u:geheim@h/d"}, "DATABASE_URL", "not the address", "+psycopg://"),
        ({"DATABASE_URL": "postgresql+psycopg://u:geheim@h"}, "DATABASE_URL", "not the address", "/NAME"),
        ({"DATABASE_URL": "postgresql+psycopg://u:ge@heim@h/d"}, "DATABASE_URL", "not the address", "%40"),
        ({"DATABASE_URL": "postgresql+psycopg://u:geheim#1@h/d"}, "DATABASE_URL", "not the address", ""),
        (
            {"DATABASE_URL": "postgresql+psycopg://u:geheim@h/d"},
            "KEYS_URL",
            "a second database",
            "+psycopg://",
        ),
        ({"MAILBOX__KIND": "imap"}, "MAILBOX", "MELDPUNT_MAILBOX__HOST", ""),
        ({"MAILBOX__KIND": "maildir"}, "MAILBOX", "MELDPUNT_MAILBOX__PATH", ""),
        ({"MAILER__USERNAME": "desk"}, "MAILER", "lacks MELDPUNT_MAILER__PASSWORD", ""),
        ({"MAILER__PASSWORD": "geheim"}, "MAILER", "lacks MELDPUNT_MAILER__USERNAME", ""),
        ({"TRACKERS__MAIN__TOKEN": ""}, "TRACKERS__MAIN__TOKEN", "is not set", ""),
        ({"TRACKERS__MAIN__KIND": "github"}, "TRACKERS__MAIN__KIND", "'gitlab'", ""),
        ({"TRACKERS__MAIN__PROJCT": "x"}, "TRACKERS__MAIN__PROJCT", "no such setting", ""),
        ({"TRACKERS__MAIN__URL": "http://gitlab.example.nl"}, "TRACKERS__MAIN__URL", "https://", ""),
        ({"FORM__SIGNING_KEYS": "web:geheim"}, "FORM__SIGNING_KEYS", "fewer than 16", "Write id:secret"),
        ({"FORM__SIGNING_KEYS": "geheim"}, "FORM__SIGNING_KEYS", "is not id:secret", "Write id:secret"),
        ({"FORM__WINDOW_SECONDS": "3601"}, "FORM__WINDOW_SECONDS", "less than or equal to 3600", ""),
        ({"WORKERS": "0"}, "WORKERS", "greater than or equal to 1", ""),
        ({"TRACKERS": "geheim"}, "TRACKERS", "valid dictionary", ""),
    ],
)
def test_a_wrong_setting_is_named_with_its_key_its_problem_and_its_mend(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], key: str, problem: str, mend: str
) -> None:
    said = complaint(monkeypatch, **(NEEDED | GITLAB | settings))
    assert (said.place, said.key) == ("environment", f"{PREFIX}{key}")
    assert problem in said.problem
    assert mend in said.mend
    assert said.mend.endswith((".", "?"))
    assert not re.search(r"geheim|random-word|Value error|pydantic", str(said))


@pytest.mark.parametrize("section", ["MAILBOX", "MAILER"])
@pytest.mark.parametrize("near", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("far", ["mail.example.nl", "127.0.0.1.example.nl", "10.0.0.1"])
def test_clear_text_is_allowed_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, section: str, near: str, far: str
) -> None:
    settings = NEEDED | {f"{section}__HOST": near, f"{section}__SECURITY": "none"}
    assert loaded(monkeypatch, **settings).model_fields_set >= {section.lower()}
    said = complaint(monkeypatch, **(settings | {f"{section}__HOST": far}))
    assert said.key == f"{PREFIX}{section}"
    assert "loopback" in said.problem


def test_no_secret_is_in_what_settings_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"USERNAME": "desk", "PASSWORD": "wachtwoord-geheim"}
    lines = {f"{section}__{name}": value for section in ("MAILBOX", "MAILER") for name, value in line.items()}
    settings = loaded(
        monkeypatch, **(NEEDED | GITLAB | lines | {"FORM__SIGNING_KEYS": "web:form-geheim-geheim"})
    )
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "gitlab.example.nl" in shown
    assert not re.search("geheim|random-word|" + NEEDED["SECRET_KEYS"].partition(":")[2][:12], shown)


def test_secrets_come_from_files_without_the_newline_at_their_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in (
        NEEDED | GITLAB | {"MAILER__USERNAME": "d", "MAILER__PASSWORD": "wacht woord"}
    ).items():
        (folder / f"{PREFIX}{name}").write_text(f"{value}\n", "utf-8")
    (folder / "server.key").write_bytes(b"\x00\xff\xfe" * 100)
    (folder / "folder").mkdir()
    (folder / "dangling").symlink_to("nowhere")
    settings = loaded(monkeypatch, None, folder)
    assert settings.secret_keys.get_secret_value() == NEEDED["SECRET_KEYS"]
    assert settings.trackers["main"].token.get_secret_value() == "token-geheim"
    assert settings.mailer.password is not None
    assert settings.mailer.password.get_secret_value() == "wacht woord"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("MELDPUNT_MAILER__PASSWORD", b"\xff\xfe", "cannot be read"),
        ("MELDPUNT_INDEX_SECRT", b"x", "no such setting"),
        ("MELDPUNT_MAILER__PASWORD", b"x", "no such setting"),
        ("MELDPUNT_INDEX_SECRET", b"geheim", "fewer than 16"),
    ],
)
def test_a_wrong_file_of_secrets_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / name).write_bytes(content)
    said = complaint(monkeypatch, None, folder, **{key: NEEDED[key] for key in NEEDED if key not in name})
    assert said.place == str(folder)
    assert problem in said.problem
    assert "geheim" not in str(said)


def test_a_folder_or_file_that_was_named_must_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert complaint(monkeypatch, tmp_path / "no.env").key == "--settings"
    assert complaint(monkeypatch, tmp_path).key == "--settings"
    assert complaint(monkeypatch, None, tmp_path / "no").key == "--secrets-dir"


def test_the_environment_wins_from_the_settings_file_and_that_from_the_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("ORGANISATION", "TEAM__NAME", "MAILBOX__USERNAME", "MAILBOX__AUTHSERV_ID"):
        (folder / f"{PREFIX}{name}").write_text("secret", "utf-8")
    empty = {"MAILBOX__AUTHSERV_ID": ""}
    file = written(tmp_path / "x.env", ORGANISATION="file", TEAM__NAME="file", **empty, **NEEDED)
    settings = loaded(monkeypatch, file, folder, ORGANISATION="environment", **empty)
    assert (settings.organisation, settings.team.name, settings.mailbox.username) == (
        "environment",
        "file",
        "secret",
    )
    assert settings.mailbox.authserv_id == "secret", "a name without a value is not set"


def test_settings_env_in_the_working_folder_is_read_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written(tmp_path / "settings.env", ORGANISATION="Voorbeeld", **NEEDED)
    assert loaded(monkeypatch).organisation == "Voorbeeld"


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"MELDPUNT_ORGANISATION", "line 1"),
        (b"# words\nnot a setting at all\n", "line 2"),
        (b"MELDPUNT_TEAM__NAME='open\n", "line 1"),
        (b"\xff\xfe\x00", "file"),
        (b"MELDPUNT_MAPPING=x\n", "MELDPUNT_MAPPING"),
        (b"MELDPUNT_WEB__PORT=x\n", "MELDPUNT_WEB__PORT"),
        (b"MELDPUNT_WEB__PROT=1\n", "MELDPUNT_WEB__PROT"),
    ],
)
def test_a_wrong_line_in_the_settings_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, key: str
) -> None:
    file = tmp_path / "x.env"
    file.write_bytes(content)
    said = complaint(monkeypatch, file, **NEEDED)
    assert (said.place, said.key) == (str(file), key)


def test_a_value_between_single_quotes_may_hold_anything_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = written(tmp_path / "x.env", TEAM__NAME="'Wij # en \"zij\" = samen '", **NEEDED)
    assert loaded(monkeypatch, file).team.name == 'Wij # en "zij" = samen '


def test_lists_have_commas_and_spaces_round_them_are_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, MAILBOX__FOLDERS=" INBOX , Junk,,Ruim te ", **NEEDED)
    assert settings.mailbox.folders == ("INBOX", "Junk", "Ruim te")


def test_each_tracker_has_a_name_of_the_owners_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {name.replace("MAIN", "TEAM_B"): value for name, value in GITLAB.items()}
    trackers = loaded(monkeypatch, **(NEEDED | GITLAB | other)).trackers
    assert sorted(trackers) == ["main", "team_b"]
    assert trackers["team_b"].url == "https://gitlab.example.nl"


JIRA = {
    "TRACKERS__MAIN__KIND": "jira",
    "TRACKERS__MAIN__URL": "https://example.atlassian.net",
    "TRACKERS__MAIN__TOKEN": "token-geheim",
    "TRACKERS__MAIN__PROJECT": "SEC",
    "TRACKERS__MAIN__DEPLOYMENT": "cloud",
    "TRACKERS__MAIN__SECURITY_LEVEL": "Team",
}


def test_a_jira_is_asked_for_longer_before_a_lost_call_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, **(NEEDED | GITLAB)).trackers["main"].settle_seconds == 60
    assert loaded(monkeypatch, **(NEEDED | JIRA)).trackers["main"].settle_seconds == 180
    own = NEEDED | JIRA | {"TRACKERS__MAIN__SETTLE_SECONDS": "30"}
    assert loaded(monkeypatch, **own).trackers["main"].settle_seconds == 30


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"TRACKERS__MAIN__DEPLOYMENT": ""}, "needs __DEPLOYMENT too; write `cloud` or `datacenter`"),
        (
            {"TRACKERS__MAIN__SECURITY_LEVEL": ""},
            "write __SECURITY_LEVEL with the name of one, or __PRIVATE_PROJECT",
        ),
        ({"TRACKERS__MAIN__PROJECT": "security/reports"}, "takes the key of a project, as in SEC"),
    ],
)
def test_a_jira_says_what_it_is_and_who_can_read_there(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    error = complaint(monkeypatch, **(NEEDED | JIRA | settings))
    assert error.key == "MELDPUNT_TRACKERS__MAIN"
    assert sentence in error.problem


def test_a_private_project_needs_no_security_level(monkeypatch: pytest.MonkeyPatch) -> None:
    private = (
        NEEDED | JIRA | {"TRACKERS__MAIN__SECURITY_LEVEL": "", "TRACKERS__MAIN__PRIVATE_PROJECT": "true"}
    )
    assert loaded(monkeypatch, **private).trackers["main"].private_project


def test_what_is_not_set_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch, TEAM__ADDRESS="Desk@Example.nl", BASE_URL="https://desk.example.nl/", **NEEDED
    )
    assert settings.sender == "Desk@Example.nl"
    assert settings.own_addresses == {"desk@example.nl"}
    assert settings.own_domains == ("example.nl",)
    assert settings.policy_link == "https://desk.example.nl/policy"
    more = loaded(
        monkeypatch, MAILER__SENDER="no-reply@example.net", MAILBOX__OWN_DOMAINS="A.example,B.example"
    )
    assert more.sender == "no-reply@example.net"
    assert more.own_domains == ("a.example", "b.example")


def test_every_kind_of_security_is_in_the_example() -> None:
    securities = get_args(Settings.model_fields["mailbox"].annotation.model_fields["security"].annotation)  # type: ignore[union-attr]
    assert all(security in EXAMPLE.read_text("utf-8") for security in securities)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("TEAM__ADDRESS", "security", "is not a mail address alone"),
        ("MAILER__SENDER", "Meldpunt <a@example.nl>", "is not a mail address alone"),
        ("TEAM__NAME", "Meld\u202epunt", "cannot be printed"),
        ("ORGANISATION", "  ", "is blank"),
        ("POLICY_URL", "javascript:alert(1)", "is not a web address"),
        ("BASE_URL", "meldpunt", "is not a web address"),
        ("MAILBOX__OWN_DOMAINS", "@example.nl", "is not a domain alone"),
        ("MAILBOX__FOLDERS", ",", "names nothing"),
        ("TRACKERS__MAIN__URL", "ftp://gitlab.example.nl", "is not a web address"),
        ("TRACKERS__MAIN__URL", "http://gitlab.example.nl", "must begin with https://"),
    ],
)
def test_a_value_that_could_only_fail_later_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    tracker = {
        "TRACKERS__MAIN__KIND": "gitlab",
        "TRACKERS__MAIN__TOKEN": "x",
        "TRACKERS__MAIN__PROJECT": "a/b",
    }
    with pytest.raises(SettingsError, match=problem) as caught:
        loaded(monkeypatch, **NEEDED, **(tracker if name.startswith("TRACKERS") else {}), **{name: value})
    assert name.split("__", maxsplit=1)[0] in caught.value.key


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"DATABASE_URL": "sqlite:///:memory:"}, "is not the address of a database"),
        ({"DATABASE_URL": "sqlite:///a.db", "KEYS_URL": "sqlite:///a.db"}, "names the main database"),
        (
            {
                "DATABASE_URL": "postgresql+psycopg://desk:geheim@db/desk",
                "KEYS_URL": "postgresql+psycopg://keys:geheim@DB:5432/desk?sslmode=require",
            },
            "names the main database",
        ),
    ],
)
def test_a_database_that_would_forget_or_hold_its_own_keys_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        loaded(monkeypatch, **NEEDED, **settings)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://desk:geheim@db.example.nl:5433/desk?sslmode=verify-full",
        "postgresql+psycopg://desk:geheim%2F%40%23@[::1]/desk",
        "postgresql+psycopg://desk@db/desk",
        "postgresql+psycopg:///desk?host=/run/postgresql",
        "sqlite:///desk.db",
    ],
)
def test_a_database_is_named_by_its_address_and_its_password_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    keys = f"{address}&x=y" if "?" in address else address
    keys = keys.replace("/desk", "/keys")
    settings = loaded(monkeypatch, **NEEDED, DATABASE_URL=address, KEYS_URL=keys)
    assert settings.database_url.get_secret_value() == address
    assert settings.keys_address == keys
    assert "geheim" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("main", "keys"),
    [
        ("sqlite:///meldpunt.db", "sqlite:///meldpunt-keys.db"),
        ("sqlite:////var/lib/desk.d/meldpunt", "sqlite:////var/lib/desk.d/meldpunt-keys"),
    ],
)
def test_keys_of_a_file_are_in_a_file_beside_it(
    monkeypatch: pytest.MonkeyPatch, main: str, keys: str
) -> None:
    assert loaded(monkeypatch, **NEEDED, DATABASE_URL=main).keys_address == keys


MICROSOFT = {"PROVIDER": "microsoft", "TENANT": "example.onmicrosoft.com", "CLIENT_ID": "desk"}
GOOGLE = {"PROVIDER": "google", "CLIENT_ID": "desk", "CLIENT_SECRET": "geheim"}


def with_oauth(line: str, oauth: Mapping[str, str]) -> dict[str, str]:
    names = {f"{line}__OAUTH__{name}": value for name, value in oauth.items()}
    kind = {"MAILBOX__KIND": "imap"} if line == "MAILBOX" else {}
    return (
        NEEDED
        | kind
        | {f"{line}__HOST": "mail.example.nl", f"{line}__USERNAME": "desk@example.nl"}
        | {name: value for name, value in names.items() if value}
    )


@pytest.mark.parametrize("line", ["MAILBOX", "MAILER"])
@pytest.mark.parametrize(
    ("oauth", "without_person"),
    [
        (MICROSOFT, False),
        (MICROSOFT | {"CLIENT_SECRET": "geheim"}, True),
        (MICROSOFT | {"CLIENT_SECRET": "geheim", "REFRESH_TOKEN": "geheim"}, False),
        (GOOGLE, False),
        (GOOGLE | {"REFRESH_TOKEN": "geheim", "TOKEN_URL": "http://127.0.0.1:9/token"}, False),
    ],
)
def test_a_line_with_tokens_needs_no_password(
    monkeypatch: pytest.MonkeyPatch, line: str, oauth: dict[str, str], *, without_person: bool
) -> None:
    settings = loaded(monkeypatch, **with_oauth(line, oauth))
    found = (settings.mailbox if line == "MAILBOX" else settings.mailer).oauth
    assert found is not None
    assert (found.provider, found.without_person) == (oauth["PROVIDER"], without_person)
    assert "geheim" not in f"{settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("oauth", "key", "problem"),
    [
        (MICROSOFT | {"TENANT": ""}, "__OAUTH", "provider `microsoft` needs __TENANT too"),
        (MICROSOFT | {"CLIENT_ID": ""}, "__OAUTH__CLIENT_ID", "is not set"),
        (MICROSOFT | {"PROVIDER": ""}, "__OAUTH__PROVIDER", "is not set"),
        (MICROSOFT | {"PROVIDER": "yahoo"}, "__OAUTH__PROVIDER", "'microsoft' or 'google'"),
        (MICROSOFT | {"TENANT": "a/b"}, "__OAUTH__TENANT", "neither the id nor a domain"),
        (MICROSOFT | {"TENANT": "common", "CLIENT_SECRET": "geheim"}, "__OAUTH", "`common` is for people"),
        (MICROSOFT | {"AUTHORITY": "http://login.example.nl"}, "__OAUTH__AUTHORITY", "https://"),
        (MICROSOFT | {"AUTHORITY": "http://127.0.0.1:9"}, "__OAUTH", "__AUTHORITY must begin with https://"),
        (MICROSOFT | {"TOKEN_URL": "https://x.example.nl"}, "__OAUTH", "`microsoft` has no __TOKEN_URL"),
        (GOOGLE | {"CLIENT_SECRET": ""}, "__OAUTH", "provider `google` needs __CLIENT_SECRET too"),
        (GOOGLE | {"TENANT": "example.nl"}, "__OAUTH", "provider `google` has no __TENANT"),
        (GOOGLE | {"TOKEN_URL": "http://x.example.nl"}, "__OAUTH__TOKEN_URL", "must begin with https://"),
        (GOOGLE | {"SCOPE": "x"}, "__OAUTH__SCOPE", "no such setting"),
    ],
)
@pytest.mark.parametrize("line", ["MAILBOX", "MAILER"])
def test_what_a_provider_needs_or_does_not_have_is_named(
    monkeypatch: pytest.MonkeyPatch, line: str, oauth: dict[str, str], key: str, problem: str
) -> None:
    said = complaint(monkeypatch, **with_oauth(line, oauth))
    assert said.key == f"{PREFIX}{line}{key}"
    assert problem in said.problem
    assert "geheim" not in str(said)


@pytest.mark.parametrize("line", ["MAILBOX", "MAILER"])
def test_a_line_has_a_password_or_tokens_and_a_name_in_any_case(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    settings = with_oauth(line, GOOGLE)
    said = complaint(monkeypatch, **settings, **{f"{line}__PASSWORD": "geheim"})
    assert said.problem == "has a PASSWORD and OAUTH; write one of them"
    monkeypatch.delenv(f"{PREFIX}{line}__PASSWORD")
    settings[f"{line}__USERNAME"] = ""
    problem = complaint(monkeypatch, **settings).problem
    assert re.search("has OAUTH without USERNAME|needs MELDPUNT_MAILBOX__USERNAME too", problem)


def test_the_secrets_of_a_login_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}MAILBOX__OAUTH__CLIENT_SECRET").write_text("geheim\n", "utf-8")
    settings = loaded(monkeypatch, None, tmp_path, **with_oauth("MAILBOX", MICROSOFT))
    assert settings.mailbox.oauth is not None
    assert settings.mailbox.oauth.without_person

"""Settings: secrets, addresses and intervals, from the environment only (prefix `MELDPUNT_`, nested with `__`).

Read in this order, the first that knows a name wins: environment, the settings file, files in the secrets folder.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from bot.errors import SettingsError
from bot.setting_values import (
    CommaList,
    DomainList,
    FolderList,
    MailAddress,
    Name,
    SafeWebAddress,
    WebAddress,
    is_loopback,
)

PREFIX = "MELDPUNT_"
# Names that the prefix shares with things that are no settings of the bot: the tests' data folder.
NOT_OURS = frozenset({"MELDPUNT_CONTRACTS"})

SHORTEST_SECRET = 16
ALL_NAMES = "See settings.example.env for all names."

Security = Literal["tls", "starttls", "none"]


class Section(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TeamSettings(Section):
    """How the desk names itself in notices."""

    name: Name = "Meldpunt Kwetsbaarheden"
    address: MailAddress | None = None
    language: Literal["nl", "en"] = "nl"


class Line(Section):
    """A host that the bot talks to in a mail protocol."""

    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Security = "tls"
    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _clear_text_stays_at_home(self) -> "Line":
        if self.host and self.security == "none" and not is_loopback(self.host):
            message = "security `none` is allowed to a loopback host only; write `tls` or `starttls`"
            raise ValueError(message)
        return self


class MailboxSettings(Line):
    """The door that mail comes in by."""

    kind: Literal["imap", "maildir", "none"] = "none"
    path: Path | None = None
    folders: FolderList = ("INBOX", "Junk")
    taken: Literal["flag", "move"] = "flag"
    taken_folder: str = "Taken"
    max_size: int = Field(default=50 * 1024 * 1024, ge=1024)
    poll_seconds: int = Field(default=30, ge=1)
    own_domains: DomainList = ()
    own_hosts: CommaList = ()
    authserv_id: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "MailboxSettings":
        needed = {"imap": ("host", "username", "password"), "maildir": ("path",), "none": ()}[self.kind]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            names = ", ".join(f"{PREFIX}MAILBOX__{name.upper()}" for name in missing)
            message = f"kind `{self.kind}` needs {names} too"
            raise ValueError(message)
        return self


class MailerSettings(Line):
    """The way out for notices; without a host no notice is sent and each says so."""

    sender: MailAddress | None = None

    @model_validator(mode="after")
    def _name_and_password_go_together(self) -> "MailerSettings":
        if (self.username is None) != (self.password is None):
            lacking = "PASSWORD" if self.password is None else "USERNAME"
            message = f"lacks {PREFIX}MAILER__{lacking}; write both to log in, or neither"
            raise ValueError(message)
        return self


class TrackerSettings(Section):
    """One tracker of the team."""

    kind: Literal["gitlab"]
    url: SafeWebAddress
    token: SecretStr
    project: str
    settle_seconds: int = Field(default=60, ge=0)


class WebSettings(Section):
    """Where `/healthz` and `/readyz` are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class SecretFiles(NestedSecretsSettingsSource):
    """Secrets from flat files such as `MELDPUNT_MAILBOX__PASSWORD`; other files in the folder are not ours."""

    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        """Read what bears our prefix, without the newline that editors leave at the end."""
        return {name: (path / name).read_text("utf-8").strip() for name in _secret_names(path)}


class Settings(BaseSettings):
    """Everything that differs between two installations and is not in `mappings/`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        secrets_nested_delimiter="__",
        secrets_dir_missing="ok",
        enable_decoding=False,
        # A name without a value, as in a settings file that is half filled in, is not set.
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    database_url: str = "sqlite:///meldpunt.db"
    keys_url: str | None = None
    secret_keys: SecretStr
    index_secret: SecretStr
    mappings: Path = Path("mappings")
    organisation: Name = "Dutch Cloud Group"
    base_url: WebAddress = "http://127.0.0.1:8080"
    policy_url: WebAddress | None = None
    reference_prefix: str = Field(default="CVD", pattern=r"^[A-Z][A-Z0-9]{1,9}$")
    team: TeamSettings = TeamSettings()
    mailbox: MailboxSettings = MailboxSettings()
    mailer: MailerSettings = MailerSettings()
    trackers: dict[str, TrackerSettings] = Field(default_factory=dict)
    web: WebSettings = WebSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    workers: int = Field(default=4, ge=1, le=32)
    stop_seconds: int = Field(default=10, ge=1)

    @field_validator("database_url", "keys_url")
    @classmethod
    def _is_a_known_database(cls, value: str | None) -> str | None:
        if value is None or (re.fullmatch(r"sqlite:///.+", value) and ":memory:" not in value):
            return value
        message = "is not the address of a database"
        raise ValueError(message)

    @model_validator(mode="after")
    def _keys_stand_apart(self) -> "Settings":
        if self.keys_url == self.database_url:
            message = f"{PREFIX}KEYS_URL names the main database; the keys need one of their own"
            raise ValueError(message)
        return self

    @field_validator("index_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < SHORTEST_SECRET:
            message = f"has fewer than {SHORTEST_SECRET} characters"
            raise ValueError(message)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put our own reader of secret files in the place of pydantic's."""
        del settings_cls
        return (init_settings, env_settings, dotenv_settings, SecretFiles(file_secret_settings))

    @property
    def sender(self) -> str | None:
        """The address that notices come from: the mailer's own, else the team's."""
        return self.mailer.sender or self.team.address

    @property
    def own_addresses(self) -> frozenset[str]:
        """Addresses of the desk itself, lower case; mail from them gets no receipt."""
        known = (self.team.address, self.mailer.sender, self.mailbox.username)
        return frozenset(address.lower() for address in known if address and "@" in address)

    @property
    def own_domains(self) -> tuple[str, ...]:
        """Domains that are the organisation's, lower case: as set, else that of the team's address."""
        if self.mailbox.own_domains:
            return tuple(domain.lower() for domain in self.mailbox.own_domains)
        return tuple(sorted({address.rpartition("@")[2] for address in self.own_addresses}))

    @property
    def policy_link(self) -> str:
        """Where the public policy stands."""
        return self.policy_url or f"{self.base_url.rstrip('/')}/policy"


def load_settings(
    *,
    settings_file: Path | None = None,
    secrets_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read and check every setting.

    `settings_file` defaults to `settings.env` in the working folder where that exists, `secrets_dir` to
    `/run/secrets`. `environ` is looked at for misspelt names only. Raises SettingsError for the first fault.
    """
    file, folder = settings_file or Path("settings.env"), secrets_dir or Path("/run/secrets")
    if settings_file is not None and not file.is_file():
        raise SettingsError(
            str(file), "--settings", "no such file", "Copy settings.example.env and fill it in."
        )
    if secrets_dir is not None and not folder.is_dir():
        raise SettingsError(
            str(folder), "--secrets-dir", "no such folder", "Name a folder with one file a secret."
        )
    places = {
        "environment": frozenset(os.environ if environ is None else environ),
        str(file): _names_in(file) if file.is_file() else frozenset(),
        str(folder): frozenset(_secret_names(folder)) if folder.is_dir() else frozenset(),
    }
    for place, names in places.items():
        _refuse_unknown(place, names)
    try:
        return Settings(_env_file=file, _secrets_dir=folder if folder.is_dir() else None)
    except ValidationError as error:
        raise _explain(error, places) from None
    except (OSError, UnicodeDecodeError, SourceError) as error:
        problem = f"a file in it cannot be read ({type(error).__name__})"
        raise SettingsError(
            str(folder), "--secrets-dir", problem, "Each is one line of text in UTF-8."
        ) from None


def find_mappings_setting(settings_file: Path | None) -> Path:
    """Return where the mappings are, as `load_settings` would, for a command that needs nothing else."""
    name, default = f"{PREFIX}MAPPINGS", str(Settings.model_fields["mappings"].default)
    file = settings_file or Path("settings.env")
    written = dotenv_values(file) if file.is_file() else {}
    return Path(os.environ.get(name) or written.get(name) or default)


def _names_in(file: Path) -> frozenset[str]:
    """Return the names that a settings file sets; a line that is none is refused."""
    mend = "Write NAME=value on each line, in UTF-8."
    try:
        with file.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), "file", f"cannot be read ({type(error).__name__})", mend) from None
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingsError(str(file), f"line {binding.original.line}", "is no setting", mend)
    return frozenset(binding.key for binding in bindings if binding.key is not None)


def _secret_names(folder: Path) -> Iterable[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name.upper().startswith(PREFIX) and path.is_file()
    )


def _refuse_unknown(place: str, names: Iterable[str]) -> None:
    """Refuse a misspelt name at the top: pydantic reads only the names that it knows."""
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(names):
        upper = name.upper()
        first = upper.removeprefix(PREFIX).split("__")[0]
        if not upper.startswith(PREFIX) or upper in NOT_OURS or first in known:
            continue
        near = difflib.get_close_matches(first, known, n=1)
        mend = f"Did you mean {PREFIX}{near[0]}?" if near else ALL_NAMES
        raise SettingsError(place, name, "no such setting", mend)


def _explain(error: ValidationError, places: Mapping[str, Iterable[str]]) -> SettingsError:
    """Turn the first fault into one sentence; the value itself is never shown, it may be a secret."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
    place = _place_of(key, places)
    if first["type"] == "missing":
        return SettingsError(place, key, "is not set", _mend(key))
    if first["type"] == "extra_forbidden":
        return SettingsError(place, key, "no such setting", ALL_NAMES)
    problem = first["msg"].removeprefix("Value error, ")
    return SettingsError(place, key, problem[:1].lower() + problem[1:], _mend(key))


def _place_of(key: str, places: Mapping[str, Iterable[str]]) -> str:
    """Return the first place that sets this or a part of it; the environment when none does."""
    for place, names in places.items():
        if any(f"{name.upper()}__".startswith(f"{key}__") for name in names):
            return place
    return "environment"


def _mend(key: str) -> str:
    """Say how the named setting is written."""
    special = {
        f"{PREFIX}DATABASE_URL": "Write sqlite:///FILE.",
        f"{PREFIX}KEYS_URL": "Write sqlite:///FILE.",
        f"{PREFIX}SECRET_KEYS": "Write id:base64-of-32-bytes; `meldpunt keys new` prints one.",
        f"{PREFIX}INDEX_SECRET": "Write a random word of 16 characters or more that never changes.",
        f"{PREFIX}REFERENCE_PREFIX": "Write 2 to 10 capital letters and digits, such as CVD.",
    }
    return special.get(key, "See settings.example.env for how it is written.")

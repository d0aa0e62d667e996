"""Settings: secrets, addresses and intervals (prefix `MELDPUNT_`, nested with `__`); `setting_files` reads them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.domain.signature import LONGEST_WINDOW, parse_signing_keys
from bot.setting_values import (
    CommaList,
    DatabaseAddress,
    DomainList,
    FolderList,
    MailAddress,
    Name,
    SafeWebAddress,
    WebAddress,
    is_loopback,
    keys_beside,
    same_database,
)

PREFIX = "MELDPUNT_"

SHORTEST_SECRET = 16

Security = Literal["tls", "starttls", "none"]


class Section(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TeamSettings(Section):
    """How the desk names itself in notices."""

    name: Name = "Meldpunt Kwetsbaarheden"
    address: MailAddress | None = None
    language: Literal["nl", "en"] = "nl"


class OAuthSettings(Section):
    """Where the tokens come from that a mail server takes in the place of a password (XOAUTH2)."""

    provider: Literal["microsoft", "google"]
    tenant: str | None = None
    client_id: str
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    authority: SafeWebAddress | None = None
    token_url: SafeWebAddress | None = None

    @field_validator("tenant")
    @classmethod
    def _is_a_directory(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", value):
            message = "is neither the id nor a domain of a directory, as in example.onmicrosoft.com"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _fits_the_provider(self) -> "OAuthSettings":
        needed = {"microsoft": ("tenant",), "google": ("client_secret",)}[self.provider]
        foreign = {"microsoft": ("token_url",), "google": ("tenant", "authority")}[self.provider]
        for name in needed:
            if getattr(self, name) is None:
                message = f"provider `{self.provider}` needs __{name.upper()} too"
                raise ValueError(message)
        for name in foreign:
            if getattr(self, name) is not None:
                message = f"provider `{self.provider}` has no __{name.upper()}; take it out"
                raise ValueError(message)
        if self.without_person and self.tenant in {"common", "organizations", "consumers"}:
            message = (
                f"__TENANT `{self.tenant}` is for people; an application with __CLIENT_SECRET names its own"
            )
            raise ValueError(message)
        if self.authority is not None and not self.authority.startswith("https://"):
            message = "__AUTHORITY must begin with https://"
            raise ValueError(message)
        return self

    @property
    def without_person(self) -> bool:
        """Whether the application logs in for itself (client credentials) and no person's login is kept."""
        return self.provider == "microsoft" and self.client_secret is not None and self.refresh_token is None


class Line(Section):
    """A host that the bot talks to in a mail protocol, with a password or with tokens."""

    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Security = "tls"
    username: str | None = None
    password: SecretStr | None = None
    oauth: OAuthSettings | None = None

    @model_validator(mode="after")
    def _clear_text_stays_at_home(self) -> "Line":
        if self.host and self.security == "none" and not is_loopback(self.host):
            message = "security `none` is allowed to a loopback host only; write `tls` or `starttls`"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _logs_in_in_one_way(self) -> "Line":
        if self.oauth is not None and self.password is not None:
            message = "has a PASSWORD and OAUTH; write one of them"
            raise ValueError(message)
        if self.oauth is not None and self.username is None:
            message = "has OAUTH without USERNAME; write the address of the mailbox"
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
    idle: bool = True
    own_domains: DomainList = ()
    own_hosts: CommaList = ()
    authserv_id: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "MailboxSettings":
        imap = ("host", "username") if self.oauth else ("host", "username", "password")
        needed = {"imap": imap, "maildir": ("path",), "none": ()}[self.kind]
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
        if self.oauth is None and (self.username is None) != (self.password is None):
            lacking = "PASSWORD" if self.password is None else "USERNAME"
            message = f"lacks {PREFIX}MAILER__{lacking}; write both to log in, or neither"
            raise ValueError(message)
        return self


def _settle_seconds(given: dict[str, object]) -> int:
    """Choose how long a tracker may be at work on a lost call: GitLab's search knows at once, Jira's does not."""
    return 180 if given.get("kind") == "jira" else 60


class TrackerSettings(Section):
    """One tracker of the team; what stands behind `project` is for a Jira."""

    kind: Literal["gitlab", "jira"]
    url: SafeWebAddress
    token: SecretStr
    project: str
    deployment: Literal["cloud", "datacenter"] | None = None
    username: Name | None = None
    issue_type: Name = "Task"
    security_level: Name | None = None
    private_project: bool = False
    settle_seconds: int = Field(default_factory=_settle_seconds, ge=0)

    @model_validator(mode="after")
    def _jira_is_named_and_closed(self) -> "TrackerSettings":
        if self.kind == "jira" and self.deployment is None:
            raise ValueError("kind `jira` needs __DEPLOYMENT too; write `cloud` or `datacenter`")
        if self.kind == "jira" and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*|[0-9]+", self.project):
            raise ValueError("kind `jira` takes the key of a project, as in SEC, or its number as __PROJECT")
        if self.kind == "jira" and self.security_level is None and not self.private_project:
            message = (
                "says nothing of who may read issues; write __SECURITY_LEVEL with the name of one, or "
                "__PRIVATE_PROJECT=true if nobody but the team can open the project"
            )
            raise ValueError(message)
        return self


class FormSettings(Section):
    """The door of forms and other programs, `POST /api/v1/reports`; without keys it is shut."""

    signing_keys: SecretStr | None = None
    window_seconds: int = Field(default=300, ge=1, le=LONGEST_WINDOW)
    max_bytes: int = Field(default=50 * 1024 * 1024, ge=1024)
    read_seconds: int = Field(default=60, ge=1, le=3600)

    @field_validator("signing_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_signing_keys(value.get_secret_value())
        return value

    @property
    def keys(self) -> Mapping[str, str]:
        """The secret of each key by its id; empty when the door is shut."""
        return parse_signing_keys(self.signing_keys.get_secret_value()) if self.signing_keys else {}


class WebSettings(Section):
    """Where `/healthz` and `/readyz` are served, and the form's door."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


def secret_names(folder: Path) -> Iterable[str]:
    """Return the names of our secrets in a folder."""
    return sorted(
        path.name for path in folder.iterdir() if path.name.upper().startswith(PREFIX) and path.is_file()
    )


class SecretFiles(NestedSecretsSettingsSource):
    """Secrets from flat files such as `MELDPUNT_MAILBOX__PASSWORD`; other files in the folder are not ours."""

    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        """Read what bears our prefix, without the newline that editors leave at the end."""
        return {name: (path / name).read_text("utf-8").strip() for name in secret_names(path)}


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

    # A password may stand in them.
    database_url: DatabaseAddress = SecretStr("sqlite:///meldpunt.db")
    keys_url: DatabaseAddress | None = Field(default=None, validate_default=True)
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
    form: FormSettings = FormSettings()
    web: WebSettings = WebSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    workers: int = Field(default=12, ge=1, le=32)
    stop_seconds: int = Field(default=10, ge=1)

    @field_validator("keys_url")
    @classmethod
    def _keys_stand_apart(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        main: SecretStr | None = info.data.get("database_url")
        if main is not None:
            main_address = main.get_secret_value()
            keys_address = value.get_secret_value() if value else keys_beside(main_address)
            if same_database(keys_address, main_address):
                message = "names the main database; the keys need one of their own"
                raise ValueError(message)
        return value

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
    def keys_address(self) -> str:
        """Where the wrapped keys are: as set, else beside the main database."""
        if self.keys_url is not None:
            return self.keys_url.get_secret_value()
        return keys_beside(self.database_url.get_secret_value())

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

"""Reading the settings, and saying in one sentence what is wrong with them.

Read in this order, the first that knows a name wins: environment, the settings file, files in the secrets folder.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import ValidationError
from pydantic_settings import SettingsError as SourceError

from bot.errors import SettingsError
from bot.settings import PREFIX, Settings, secret_names

# Names that the prefix shares with things that are no settings of the bot: the tests' data folder.
NOT_OURS = frozenset({"MELDPUNT_CONTRACTS"})
DATABASES = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME (with %40 for an @ in a password)"
ALL_NAMES = "See settings.example.env for all names."


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
        str(folder): frozenset(secret_names(folder)) if folder.is_dir() else frozenset(),
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
        f"{PREFIX}DATABASE_URL": f"Write {DATABASES}.",
        f"{PREFIX}KEYS_URL": f"Write {DATABASES}.",
        f"{PREFIX}SECRET_KEYS": "Write id:base64-of-32-bytes; `meldpunt keys new` prints one.",
        f"{PREFIX}INDEX_SECRET": "Write a random word of 16 characters or more that never changes.",
        f"{PREFIX}FORM__SIGNING_KEYS": "Write id:secret, several with commas between; no comma in a secret.",
        f"{PREFIX}REFERENCE_PREFIX": "Write 2 to 10 capital letters and digits, such as CVD.",
    }
    return special.get(key, "See settings.example.env for how it is written.")

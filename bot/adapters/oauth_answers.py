"""Asking a provider of tokens: within time, and with plain words for what it answers.

No message holds a token, a secret or what the provider says in its own words, only its codes.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import requests
from pydantic import SecretStr

from bot.errors import TransientError
from bot.ports import Grant
from bot.settings import PREFIX, OAuthSettings

# Seconds for connecting and for each read.
TIMEOUT = (10.0, 30.0)
# RFC 6749, 5.1: `expires_in` may be left out.
LASTS_AT_LEAST = timedelta(minutes=5)
LASTS_AT_MOST = timedelta(days=1)
# What stands in an HTTP header or SASL line as it is.
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
_CODE = re.compile(r"[a-z_]{1,40}")
_NAMES = {"microsoft": "Microsoft", "google": "Google"}

LineName = Literal["mailbox", "mailer"]

SECRET, CLIENT, SCOPE, RULE, LATER = "secret", "client", "scope", "rule", "later"
# RFC 6749, 5.2; RFC 8628, 3.5; and Microsoft's own.
_MEANINGS = {
    "invalid_client": SECRET,
    "unauthorized_client": CLIENT,
    "invalid_scope": SCOPE,
    "invalid_resource": SCOPE,
    "consent_required": SCOPE,
    "access_denied": RULE,
    "temporarily_unavailable": LATER,
    "server_error": LATER,
}
# learn.microsoft.com/entra/identity-platform/reference-error-codes: what the code of OAuth does not say.
_MICROSOFT = {
    "AADSTS65001": SCOPE,
    "AADSTS700016": CLIENT,
    "AADSTS90002": CLIENT,
    "AADSTS7000218": "public",
    "AADSTS53003": RULE,
}


class LoginEndedError(TransientError):
    """The login of a person does not go on: somebody must log in again."""


@dataclass(frozen=True, slots=True)
class Asker:
    """For which line and account a provider is asked."""

    line: LineName
    username: str
    oauth: OAuthSettings

    @property
    def provider(self) -> str:
        """The provider's name as people know it."""
        return _NAMES[self.oauth.provider]

    @property
    def first(self) -> SecretStr | None:
        """The refresh token of the settings, which a kept one goes before unless this was changed."""
        return self.oauth.refresh_token

    @property
    def account(self) -> str:
        """What a kept login belongs to; both lines share one where provider, client and account are the same."""
        oauth = self.oauth
        return "\0".join((oauth.provider, oauth.tenant or "", oauth.client_id, self.username.lower()))

    @property
    def mend(self) -> str:
        """What a person does about a login that ended."""
        return f"Run `meldpunt mailbox login{' --mailer' if self.line == 'mailer' else ''}`"

    def setting(self, name: str) -> str:
        """Return the full name of one of this line's settings."""
        return f"{PREFIX}{self.line.upper()}__OAUTH__{name}"


class TokenSession(requests.Session):
    """A session that never waits for ever and follows no redirect: a secret goes nowhere else.

    An answer of 5xx is an HTTPError, whoever looks at it.
    """

    def request(self, *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - passed on as given
        """Add what every request needs."""
        answer = super().request(*arguments, **{"timeout": TIMEOUT, **options, "allow_redirects": False})
        if answer.status_code >= 500:  # noqa: PLR2004 - RFC 9110, 15.6: its own fault
            answer.raise_for_status()
        return answer


@contextmanager
def asking(asker: Asker) -> Iterator[None]:
    """Translate what goes wrong on the way to a provider; all of it is a TransientError."""
    where = f"{asker.provider}'s login service"
    try:
        yield
    except requests.exceptions.SSLError:
        raise TransientError(f"{where}: its certificate is not trusted") from None
    except requests.exceptions.Timeout:
        raise TransientError(f"{where} gave no answer in time") from None
    except requests.exceptions.JSONDecodeError:
        raise TransientError(f"{where}: its answer makes no sense") from None
    except requests.exceptions.ConnectionError:
        raise TransientError(f"{where} cannot be reached") from None
    except requests.exceptions.RequestException:
        raise TransientError(f"{where} is out of order; tokens are asked for again later") from None
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        raise TransientError(f"{where}: its answer makes no sense") from None


def parse_grant(asker: Asker, answer: object) -> Grant:
    """Return what was granted (RFC 6749, 5.1); TransientError in plain words when nothing was."""
    if not isinstance(answer, Mapping):
        raise TypeError
    if "access_token" not in answer:
        raise refusal(asker, answer)
    refresh = answer.get("refresh_token")
    return Grant(
        _secret(answer["access_token"]),
        _lasts(answer.get("expires_in")),
        _secret(refresh) if refresh else None,
    )


def refusal(asker: Asker, answer: Mapping[str, object]) -> TransientError:
    """Say what a refusal (RFC 6749, 5.2) means and how to mend it."""
    found = answer.get("error")
    code = found if isinstance(found, str) and _CODE.fullmatch(found) else "no code"
    known = re.search(r"AADSTS\d{4,8}", str(answer.get("error_description", "")))
    own = known[0] if known else None
    said = f" ({own or code})"
    meaning = _MICROSOFT.get(own or "", _MEANINGS.get(code))
    if meaning is None and code in {"invalid_grant", "interaction_required", "login_required"}:
        ended = f"{asker.provider}: the login of {asker.username} has ended or was withdrawn{said}"
        return LoginEndedError(f"{ended}. {asker.mend}")
    return TransientError(f"{asker.provider}: {_sentence(asker, meaning, said)}")


def _sentence(asker: Asker, meaning: str | None, said: str) -> str:
    secret, client, tenant = (asker.setting(name) for name in ("CLIENT_SECRET", "CLIENT_ID", "TENANT"))
    also = f" and {tenant}" if asker.oauth.tenant else ""
    words = {
        SECRET: f"the client secret is wrong or has expired{said}. Make a new one and write {secret}",
        CLIENT: f"the application is not known there or may not do this{said}. Look at {client}{also}",
        SCOPE: f"the application may not read or send mail{said}. Give it the permission and consent to it",
        RULE: f"a person or a rule of the organisation refused the login{said}. Ask its administrator",
        LATER: f"its login service is out of order{said}; tokens are asked for again later",
        "public": (
            f"the application must prove who it is{said}. Allow public client flows in its registration,"
            f" or write {secret}"
        ),
    }
    return words.get(meaning or "", f"it gives no token{said}. Look at the settings {asker.setting('*')}")


def _secret(value: object) -> SecretStr:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError
    return SecretStr(value)


def _lasts(value: object) -> timedelta:
    seconds = int(value) if isinstance(value, (int, str, float)) else 0
    return min(timedelta(seconds=seconds), LASTS_AT_MOST) if seconds > 0 else LASTS_AT_LEAST

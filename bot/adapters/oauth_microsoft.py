"""Tokens from Microsoft Entra by msal: for an application itself, or for a person who logged in once.

Scopes are those of learn.microsoft.com/exchange/client-developer/legacy-protocols/
how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.adapters.oauth_answers import Asker, LineName, TokenSession, asking, parse_grant, refusal
from bot.errors import TransientError
from bot.ports import Grant

AUTHORITY = "https://login.microsoftonline.com"
# Where the mail of a national cloud is; its authority decides.
_ABROAD = {
    "login.microsoftonline.us": "https://outlook.office365.us",
    "login.partner.microsoftonline.cn": "https://partner.outlook.cn",
    "login.chinacloudapi.cn": "https://partner.outlook.cn",
}
_PERMISSIONS = {"mailbox": "IMAP.AccessAsUser.All", "mailer": "SMTP.Send"}
# RFC 8628, 3.5: what an answer says while the person has not finished yet.
_PENDING = frozenset({"authorization_pending", "slow_down"})

# msal logs an answer that it cannot read as a whole, and a token may stand in it.
logging.getLogger("msal").setLevel(logging.CRITICAL + 1)


class MicrosoftTokens:
    """Asks Microsoft for tokens; each call is one exchange, and nothing is remembered between two."""

    def __init__(self, asker: Asker) -> None:
        """Take for whom it is; nothing is asked yet."""
        self._asker = asker
        self._authority = asker.oauth.authority or AUTHORITY
        self._abroad = _ABROAD.get(urlsplit(self._authority).hostname or "")

    def for_application(self) -> Grant:
        """Return a token by client credentials: all that the application may do is in its registration."""
        scope = f"{self._abroad or 'https://outlook.office365.com'}/.default"
        return self._exchange(lambda application: application.acquire_token_for_client([scope]))

    def for_person(self, refresh_token: SecretStr) -> Grant:
        """Return a token for this line by a refresh token, with the next one."""
        scopes = self._scopes([self._asker.line])
        return self._exchange(
            lambda application: application.acquire_token_by_refresh_token(
                refresh_token.get_secret_value(), scopes
            )
        )

    def log_in(
        self,
        lines: Collection[LineName],
        say: Callable[[str], None],
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> Grant:
        """Lead a person through the device code flow (RFC 8628) for these lines, until its code ends."""
        with asking(self._asker):
            application = self._application()
            flow = application.initiate_device_flow(self._scopes(lines))
            if "user_code" not in flow:
                raise refusal(self._asker, flow)
            # With a pause of nothing msal itself would ask for ever without one.
            flow["interval"] = max(1, flow["interval"])
            code, address = _shown(flow["user_code"]), _shown(flow["verification_uri"])
            say(f"Open {address} in a browser, type the code {code}, and log in as {self._asker.username}.")
            answer: Mapping[str, Any] = {"error": "authorization_pending"}
            while answer.get("error") in _PENDING and time.time() < flow["expires_at"]:
                say("Waiting for the login ...")
                wait(flow["interval"])
                answer = application.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
            if answer.get("error") in _PENDING or answer.get("error") in {"expired_token", "code_expired"}:
                raise TransientError("nobody logged in before the code ended. Run the command again")
            return parse_grant(self._asker, answer)

    def _scopes(self, lines: Collection[LineName]) -> list[str]:
        """Name the permissions; msal adds `offline_access`, by which the login goes on."""
        return [f"{self._abroad or 'https://outlook.office.com'}/{_PERMISSIONS[line]}" for line in lines]

    def _exchange(self, ask: Callable[[Any], object]) -> Grant:
        with asking(self._asker):
            return parse_grant(self._asker, ask(self._application()))

    def _application(self) -> Any:  # noqa: ANN401 - msal has no types
        """Return a new application: one that is kept also keeps tokens and refusals, which is done here."""
        # Slow to load, and few desks need it.
        from msal import ConfidentialClientApplication, PublicClientApplication  # noqa: PLC0415 - see above

        oauth = self._asker.oauth
        options = {
            "authority": f"{self._authority}/{oauth.tenant}",
            "http_client": TokenSession(),
            "instance_discovery": False,
        }
        try:
            if oauth.client_secret is None:
                return PublicClientApplication(oauth.client_id, **options)
            secret = oauth.client_secret.get_secret_value()
            return ConfidentialClientApplication(oauth.client_id, client_credential=secret, **options)
        except ValueError:
            look = f"Look at {self._asker.setting('TENANT')}"
            raise TransientError(f"Microsoft does not know the tenant {oauth.tenant}. {look}") from None


def _shown(value: object) -> str:
    """Return what a person is to read; the answer of a server may hold more than letters."""
    text = str(value)
    if not text.isprintable():
        raise ValueError
    return text

"""Tokens from Google for a person who logged in once (developers.google.com/identity/protocols/oauth2/native-app)."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from urllib.parse import urlencode

from pydantic import SecretStr

from bot.adapters.oauth_answers import Asker, TokenSession, asking, parse_grant
from bot.adapters.oauth_redirect import Redirect
from bot.errors import TransientError
from bot.ports import Grant

CONSENT_URL = "https://accounts.google.com/o/oauth2/v2/auth"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
# One scope for IMAP and SMTP; the device code flow does not allow it.
SCOPE = "https://mail.google.com/"


class GoogleTokens:
    """Asks Google for tokens; each call is one exchange."""

    def __init__(self, asker: Asker) -> None:
        """Take for whom it is; nothing is asked yet."""
        self._asker = asker

    def for_person(self, refresh_token: SecretStr) -> Grant:
        """Return a token by a refresh token, which stays the same."""
        return self._exchange(grant_type="refresh_token", refresh_token=refresh_token.get_secret_value())

    def log_in(self, redirect: Redirect, say: Callable[[str], None]) -> Grant:
        """Lead a person through the consent page with PKCE (RFC 7636) and take the code that comes back."""
        verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        say(f"Open this address in a browser and log in as {self._asker.username}:")
        say(self._consent_address(redirect.address, verifier, state))
        code = redirect.code(state, say)
        grant = self._exchange(
            grant_type="authorization_code",
            code=code.get_secret_value(),
            code_verifier=verifier,
            redirect_uri=redirect.address,
        )
        if grant.refresh_token is None:
            raise TransientError("Google gave nothing to go on by (no refresh token). Run the command again")
        return grant

    def _consent_address(self, redirect: str, verifier: str, state: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        query = {
            "client_id": self._asker.oauth.client_id,
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": SCOPE,
            "state": state,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
            # Only these two together give a refresh token each time.
            "access_type": "offline",
            "prompt": "consent",
            "login_hint": self._asker.username,
        }
        return f"{CONSENT_URL}?{urlencode(query)}"

    def _exchange(self, **form: str) -> Grant:
        oauth = self._asker.oauth
        secret = oauth.client_secret.get_secret_value() if oauth.client_secret else ""
        form |= {"client_id": oauth.client_id, "client_secret": secret}
        with asking(self._asker), TokenSession() as session:
            return parse_grant(self._asker, session.post(oauth.token_url or TOKEN_URL, data=form).json())

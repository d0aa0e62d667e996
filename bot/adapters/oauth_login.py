"""The desk where a person logs in once: asked by the provider, tried at the mail server, kept in the store."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.adapters import imap_line
from bot.adapters.mail_server import MailServer
from bot.adapters.oauth import RenewedTokens
from bot.adapters.oauth_answers import Asker
from bot.adapters.oauth_kept import KeptLogin
from bot.adapters.smtp import SmtpMailer
from bot.errors import TransientError
from bot.ports import Grant


class OAuthLogin:
    """Fulfils `ports.LoginDesk` for one line."""

    def __init__(
        self,
        asker: Asker,
        server: MailServer,
        kept: KeptLogin,
        ask: Callable[[Callable[[str], None]], Grant],
    ) -> None:
        """Take whose login it is, the server to try it at, where it is kept, and how a person is asked."""
        self._asker, self._server, self._kept, self._ask = asker, server, kept, ask

    @property
    def account(self) -> str:
        """See `ports.LoginDesk`."""
        return self._asker.username

    def ask(self, say: Callable[[str], None]) -> Grant:
        """See `ports.LoginDesk`."""
        return self._ask(say)

    def knock(self, grant: Grant) -> Sequence[str]:
        """See `ports.LoginDesk`."""
        tokens = RenewedTokens(lambda: grant, now=lambda: datetime.now(UTC))
        server = replace(self._server, tokens=tokens)
        return imap_line.knock(server) if self._asker.line == "mailbox" else SmtpMailer(server).check()

    def keep(self, grant: Grant) -> None:
        """See `ports.LoginDesk`."""
        if grant.refresh_token is None:
            raise TransientError(f"{self._asker.provider} gave nothing to go on by (no refresh token)")
        self._kept.keep(grant.refresh_token)

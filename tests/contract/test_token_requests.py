"""Each request for a token is listed, with the page where it was read."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.adapters.oauth_answers import Asker
from bot.adapters.oauth_google import GoogleTokens
from bot.adapters.oauth_microsoft import MicrosoftTokens
from bot.adapters.oauth_redirect import PastedRedirect
from bot.settings import OAuthSettings
from tests.rigs.certificates import make_certificate
from tests.rigs.contracts import table
from tests.rigs.tokens import CLIENT, FIRST, SECRET, TENANT, Provider

NOTHING = "nothing (https://"


def test_what_is_asked_of_providers_and_what_the_page_lists_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Provider(make_certificate(tmp_path)) as provider:
        for name, value in provider.trust.items():
            monkeypatch.setenv(name, value)
        _ask_microsoft(provider)
        _ask_google(provider)
        asked = {(method, path.replace(TENANT, "{tenant}")) for method, path in provider.paths}
    listed = {(method, path): document for method, path, _, document in table("Requests for tokens")}
    assert asked == {*listed}
    assert all(document.startswith(NOTHING) for document in listed.values())


def _ask_microsoft(provider: Provider) -> None:
    base = OAuthSettings(provider="microsoft", tenant=TENANT, client_id=CLIENT, authority=provider.authority)
    alone = base.model_copy(update={"client_secret": SecretStr(SECRET)})
    MicrosoftTokens(Asker("mailbox", "security@example.nl", alone)).for_application()
    person = MicrosoftTokens(Asker("mailbox", "security@example.nl", base))
    person.for_person(SecretStr(FIRST))
    person.log_in(["mailbox"], lambda _: None, wait=lambda _: None)


def _ask_google(provider: Provider) -> None:
    oauth = OAuthSettings(
        provider="google",
        client_id=CLIENT,
        client_secret=SecretStr(SECRET),
        token_url=provider.token_url,
    )
    said: list[str] = []
    pasted = PastedRedirect(
        lambda: provider.visit(next(each for each in said if each.startswith("https://")))
    )
    grant = GoogleTokens(Asker("mailer", "security@example.nl", oauth)).log_in(pasted, said.append)
    assert grant.refresh_token is not None

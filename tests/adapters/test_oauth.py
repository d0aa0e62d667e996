"""Tokens: when they are renewed, what a provider is asked, and what its refusals mean to a person."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.adapters.oauth import RenewedTokens
from bot.adapters.oauth_answers import Asker, LineName, LoginEndedError, TokenSession, parse_grant
from bot.adapters.oauth_google import GoogleTokens
from bot.adapters.oauth_microsoft import MicrosoftTokens
from bot.adapters.oauth_redirect import LoopbackRedirect, PastedRedirect, listening
from bot.errors import MeldpuntError, TransientError
from bot.ports import Grant
from bot.settings import OAuthSettings
from tests.rigs.bots import Clock
from tests.rigs.certificates import make_certificate
from tests.rigs.tokens import CLIENT, FIRST, SECRET, TENANT, Provider, browse

HOUR = timedelta(hours=1)
DESK = "security@example.nl"
LOGIN = "https://login.microsoftonline.com"
TOKEN = f"{LOGIN}/{TENANT}/oauth2/v2.0/token"
GOOGLE = "https://oauth2.googleapis.com/token"


def microsoft(
    *,
    line: LineName = "mailbox",
    secret: str | None = None,
    first: str | None = None,
    authority: str | None = None,
    client: str = CLIENT,
) -> Asker:
    oauth = OAuthSettings(
        provider="microsoft",
        tenant=TENANT,
        client_id=client,
        client_secret=SecretStr(secret) if secret else None,
        refresh_token=SecretStr(first) if first else None,
        authority=authority,
    )
    return Asker(line, DESK, oauth)


def google(token_url: str | None = None, first: str | None = None) -> Asker:
    oauth = OAuthSettings(
        provider="google",
        client_id=CLIENT,
        client_secret=SecretStr(SECRET),
        refresh_token=SecretStr(first) if first else None,
        token_url=token_url,
    )
    return Asker("mailer", DESK, oauth)


class Source:
    """Grants tokens that tell their number, until it is told to fail."""

    def __init__(self, lasts: timedelta = HOUR) -> None:
        self.lasts, self.given, self.failing = lasts, 0, False

    def __call__(self) -> Grant:
        if self.failing:
            raise TransientError("the provider is away")
        self.given += 1
        return Grant(SecretStr(f"token-{self.given}"), self.lasts)


def held(tokens: RenewedTokens) -> str:
    return tokens.token().get_secret_value()


# When a token is renewed.


def test_a_token_is_asked_for_once_and_renewed_five_minutes_before_its_end() -> None:
    clock, source = Clock(), Source()
    tokens = RenewedTokens(source, now=clock)
    assert held(tokens) == held(tokens) == "token-1"
    clock.passes(HOUR - timedelta(minutes=5, seconds=1))
    assert held(tokens) == "token-1"
    clock.passes(timedelta(seconds=1))
    assert held(tokens) == "token-2"


@given(st.integers(1, 100_000), st.integers(0, 200_000))
def test_no_token_is_given_out_at_or_after_its_end(lasts: int, passed: int) -> None:
    clock, source = Clock(), Source(timedelta(seconds=lasts))
    tokens = RenewedTokens(source, now=clock)
    held(tokens)
    clock.passes(timedelta(seconds=passed))
    assert held(tokens) == ("token-1" if passed < lasts - min(300, lasts / 10) else "token-2")


def test_while_a_token_holds_a_failed_renewal_is_no_failure() -> None:
    clock, source = Clock(), Source()
    tokens = RenewedTokens(source, now=clock)
    held(tokens)
    source.failing = True
    clock.passes(HOUR - timedelta(minutes=1))
    with capture_logs() as logs:
        assert held(tokens) == "token-1"
    assert [(log["event"], log["reason"]) for log in logs] == [("token-not-renewed", "the provider is away")]
    clock.passes(timedelta(minutes=1))
    with pytest.raises(TransientError, match="the provider is away"):
        held(tokens)
    source.failing = False
    assert held(tokens) == "token-2"


def test_a_clock_that_was_put_back_does_not_make_a_token_last_longer() -> None:
    clock, source = Clock(), Source()
    tokens = RenewedTokens(source, now=clock)
    held(tokens)
    clock.passes(-2 * HOUR)
    assert held(tokens) == "token-2"


def test_a_token_that_was_accepted_and_is_refused_gives_way_to_another_and_a_new_one_does_not() -> None:
    tokens = RenewedTokens(Source(), now=Clock())
    assert not tokens.refuse(tokens.token()), "no other would be better"
    second = tokens.token()
    tokens.accept(second)
    assert tokens.refuse(second)
    assert held(tokens) == "token-3"
    assert tokens.refuse(second), "a second line found out too"
    assert held(tokens) == "token-3", "and what was renewed meanwhile stays"


def test_several_threads_wait_for_one_renewal() -> None:
    gate, source = threading.Event(), Source()

    def slow() -> Grant:
        gate.wait(10)
        return source()

    tokens = RenewedTokens(slow, now=Clock())
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(held, tokens) for _ in range(8)]
        gate.set()
        assert {each.result() for each in asked} == {"token-1"}
    assert source.given == 1


# What Microsoft is asked, on the addresses of its own.


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """Microsoft's and Google's addresses; nothing goes out."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for authority, tenant in (
            (LOGIN, TENANT),
            ("https://login.microsoftonline.us", TENANT),
        ):
            ends = f"{authority}/{tenant}/oauth2/v2.0"
            mock.get(
                f"{authority}/{tenant}/v2.0/.well-known/openid-configuration",
                json={
                    "issuer": f"{authority}/1f2e/v2.0",
                    "authorization_endpoint": f"{ends}/authorize",
                    "token_endpoint": f"{ends}/token",
                    "device_authorization_endpoint": f"{ends}/devicecode",
                },
            )
        yield mock


def form(wire: responses.RequestsMock) -> dict[str, str]:
    """What the last request said."""
    body = wire.calls[-1].request.body
    text = body.decode() if isinstance(body, bytes) else str(body)
    return {name: values[0] for name, values in parse_qs(text).items()}


def test_an_application_asks_for_all_that_its_registration_allows(wire: responses.RequestsMock) -> None:
    wire.post(TOKEN, json={"access_token": "t-1", "expires_in": 3599, "token_type": "Bearer"})
    grant = MicrosoftTokens(microsoft(secret=SECRET)).for_application()
    assert grant == Grant(SecretStr("t-1"), timedelta(seconds=3599))
    sent = form(wire)
    assert sent["scope"] == "https://outlook.office365.com/.default"
    assert (sent["grant_type"], sent["client_id"], sent["client_secret"]) == (
        "client_credentials",
        CLIENT,
        SECRET,
    )
    assert {urlsplit(str(call.request.url)).hostname for call in wire.calls} == {"login.microsoftonline.com"}


@pytest.mark.parametrize(
    ("line", "permission"), [("mailbox", "IMAP.AccessAsUser.All"), ("mailer", "SMTP.Send")]
)
@pytest.mark.parametrize("secret", [None, SECRET])
def test_each_line_asks_for_its_own_permission(
    wire: responses.RequestsMock, line: LineName, permission: str, secret: str | None
) -> None:
    wire.post(TOKEN, json={"access_token": "t-1", "expires_in": 3599, "refresh_token": "r-2"})
    asker = microsoft(line=line, secret=secret, first="r-1")
    grant = MicrosoftTokens(asker).for_person(SecretStr("r-1"))
    assert grant == Grant(SecretStr("t-1"), timedelta(seconds=3599), SecretStr("r-2"))
    sent = form(wire)
    assert sorted(sent["scope"].split()) == [
        f"https://outlook.office.com/{permission}",
        "offline_access",
        "openid",
        "profile",
    ]
    assert (sent["refresh_token"], sent.get("client_secret")) == ("r-1", secret)


def test_in_a_national_cloud_the_mail_is_somewhere_else(wire: responses.RequestsMock) -> None:
    us = "https://login.microsoftonline.us"
    wire.post(f"{us}/{TENANT}/oauth2/v2.0/token", json={"access_token": "t", "expires_in": 9})
    MicrosoftTokens(microsoft(secret=SECRET, authority=us)).for_application()
    assert form(wire)["scope"] == "https://outlook.office365.us/.default"


def test_google_is_asked_with_the_refresh_token(wire: responses.RequestsMock) -> None:
    wire.post(GOOGLE, json={"access_token": "t-1", "expires_in": 3599, "scope": "https://mail.google.com/"})
    grant = GoogleTokens(google()).for_person(SecretStr("r-1"))
    assert grant == Grant(SecretStr("t-1"), timedelta(seconds=3599))
    assert form(wire) == {
        "grant_type": "refresh_token",
        "refresh_token": "r-1",
        "client_id": CLIENT,
        "client_secret": SECRET,
    }


def ask_microsoft() -> Grant:
    return MicrosoftTokens(microsoft(first="r-geheim")).for_person(SecretStr("r-geheim"))


def ask_google() -> Grant:
    return GoogleTokens(google()).for_person(SecretStr("r-geheim"))


@pytest.mark.parametrize("ask", [ask_microsoft, ask_google])
@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (400, "invalid_grant", f"the login of {DESK} has ended or was withdrawn"),
        (401, "invalid_client", "the client secret is wrong or has expired"),
        (400, "unauthorized_client", "the application is not known there or may not do this"),
        (400, "invalid_scope", "the application may not read or send mail"),
        (400, "access_denied", "a person or a rule of the organisation refused the login"),
        (429, "temporarily_unavailable", "its login service is out of order"),
        (503, "server_error", "is out of order"),
        (400, "something_new", "it gives no token (something_new)"),
        (400, "<b>geheim</b>", "it gives no token (no code)"),
        (400, 17, "it gives no token (no code)"),
    ],
)
def test_a_refusal_is_one_plain_sentence_without_the_providers_own_words(
    wire: responses.RequestsMock, ask: Callable[[], Grant], status: int, error: object, sentence: str
) -> None:
    answer = {"error": error, "error_description": "geheim: Trace ID 1f2e"}
    for url in (TOKEN, GOOGLE):
        wire.post(url, json=answer, status=status)
    with pytest.raises(TransientError) as caught:
        ask()
    assert sentence in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, LoginEndedError) == (error == "invalid_grant")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        ("invalid_grant", "AADSTS700082", "(AADSTS700082). Run `meldpunt mailbox login`"),
        ("invalid_grant", "AADSTS50173", "(AADSTS50173). Run `meldpunt mailbox login`"),
        ("invalid_grant", "AADSTS65001", "Give it the permission and consent to it"),
        (
            "invalid_client",
            "AADSTS7000222",
            "(AADSTS7000222). Make a new one and write MELDPUNT_MAILBOX__OAUTH__CL",
        ),
        ("invalid_client", "AADSTS7000218", "Allow public client flows in its registration"),
        ("unauthorized_client", "AADSTS700016", "Look at MELDPUNT_MAILBOX__OAUTH__CLIENT_ID and MELDPUNT_"),
        ("access_denied", "AADSTS53003", "a rule of the organisation refused the login (AADSTS53003)"),
    ],
)
def test_microsofts_own_code_is_kept_for_the_administrator(
    wire: responses.RequestsMock, error: str, code: str, sentence: str
) -> None:
    wire.post(TOKEN, status=400, json={"error": error, "error_description": f"{code}: words. Trace ID: 1"})
    with pytest.raises(TransientError, match=re.escape(sentence)):
        ask_microsoft()


def test_the_other_line_names_its_own_command_and_settings(wire: responses.RequestsMock) -> None:
    wire.post(GOOGLE, status=400, json={"error": "invalid_grant"})
    with pytest.raises(LoginEndedError, match="Run `meldpunt mailbox login --mailer`"):
        ask_google()
    wire.replace(responses.POST, GOOGLE, status=401, json={"error": "invalid_client"})
    with pytest.raises(TransientError, match="write MELDPUNT_MAILER__OAUTH__CLIENT_SECRET"):
        ask_google()


@pytest.mark.parametrize("ask", [ask_microsoft, ask_google])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"body": "<html>geheim</html>"}, "its answer makes no sense"),
        ({"body": "[]"}, "its answer makes no sense"),
        ({"body": "null"}, "its answer makes no sense"),
        ({"json": {"access_token": ""}}, "its answer makes no sense"),
        ({"json": {"access_token": "geheim\r\nX: y"}}, "its answer makes no sense"),
        ({"json": {"access_token": "geheim\x01"}}, "its answer makes no sense"),
        ({"json": {"access_token": 17}}, "its answer makes no sense"),
        ({"body": requests.exceptions.ConnectTimeout("geheim")}, "gave no answer in time"),
        ({"body": requests.exceptions.ReadTimeout("geheim")}, "gave no answer in time"),
        ({"body": requests.exceptions.ConnectionError("geheim")}, "cannot be reached"),
        ({"body": requests.exceptions.SSLError("geheim")}, "its certificate is not trusted"),
        ({"body": "geheim", "status": 500}, "is out of order"),
    ],
)
def test_no_answer_that_makes_sense_is_a_sentence_too(
    wire: responses.RequestsMock,
    caplog: pytest.LogCaptureFixture,
    ask: Callable[[], Grant],
    body: dict[str, Any],
    sentence: str,
) -> None:
    for url in (TOKEN, GOOGLE):
        wire.post(url, **body)
    with pytest.raises(TransientError, match=sentence) as caught:
        ask()
    assert "geheim" not in f"{caught.value}{caplog.text}"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"status": 400, "json": {"error": "invalid_tenant"}}, f"does not know the tenant {TENANT}. Look at"),
        ({"status": 302, "headers": {"Location": "https://evil.example"}}, "its answer makes no sense"),
        ({"status": 503}, "is out of order"),
        ({"body": requests.exceptions.ConnectionError()}, "cannot be reached"),
    ],
)
def test_a_tenant_that_is_not_known_is_told_apart_from_a_service_that_is_away(
    wire: responses.RequestsMock, answer: dict[str, Any], sentence: str
) -> None:
    wire.replace(responses.GET, f"{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration", **answer)
    with pytest.raises(TransientError, match=re.escape(sentence)):
        ask_microsoft()


def test_a_secret_follows_no_redirect(wire: responses.RequestsMock) -> None:
    wire.post(GOOGLE, status=307, headers={"Location": "https://evil.example/token"})
    with pytest.raises(TransientError, match="makes no sense"):
        ask_google()
    assert len(wire.calls) == 1


def test_no_request_waits_for_ever(wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/", body="x")
    with TokenSession() as session:
        session.get("https://example.org/")
    assert wire.calls[-1].request.req_kwargs["timeout"] == (10.0, 30.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "lasts"),
    [
        (3599, timedelta(seconds=3599)),
        ("3599", timedelta(seconds=3599)),
        (None, timedelta(minutes=5)),
        (0, timedelta(minutes=5)),
        (-1, timedelta(minutes=5)),
        (10**12, timedelta(days=1)),
    ],
)
def test_how_long_a_token_lasts_is_believed_within_reason(said: object, lasts: timedelta) -> None:
    assert parse_grant(google(), {"access_token": "t", "expires_in": said}).lasts == lasts


# A whole login, at a provider on loopback.


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with Provider(make_certificate(tmp_path)) as running:
        for name, value in running.trust.items():
            monkeypatch.setenv(name, value)
        yield running


def test_msal_and_a_real_provider_agree(provider: Provider) -> None:
    application = MicrosoftTokens(microsoft(secret=SECRET, authority=provider.authority))
    grant = application.for_application()
    assert grant.token.get_secret_value() == provider.given[0]
    person = MicrosoftTokens(microsoft(first=FIRST, authority=provider.authority))
    first = person.for_person(SecretStr(FIRST))
    assert first.refresh_token is not None
    person.for_person(first.refresh_token)
    with pytest.raises(LoginEndedError, match="AADSTS700082"):
        person.for_person(first.refresh_token)
    with pytest.raises(TransientError, match="client secret is wrong or has expired"):
        MicrosoftTokens(microsoft(secret="x", authority=provider.authority)).for_application()


def test_a_provider_whose_certificate_nobody_knows_gets_no_secret(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(TransientError, match="its certificate is not trusted"):
        MicrosoftTokens(microsoft(secret=SECRET, authority=provider.authority)).for_application()
    assert provider.asked == []


def test_a_person_logs_in_at_microsoft_with_a_code_on_another_device(provider: Provider) -> None:
    provider.pending.extend(["authorization_pending", "authorization_pending"])
    said, waits = list[str](), list[float]()
    login = MicrosoftTokens(microsoft(authority=provider.authority))
    grant = login.log_in(["mailbox", "mailer"], said.append, wait=waits.append)
    assert grant.refresh_token is not None
    assert grant.refresh_token.get_secret_value() in provider.refresh_tokens
    assert said[0] == (
        f"Open https://login.example.org/device in a browser, type the code ABCD-1234, and log in as {DESK}."
    )
    assert waits == [1, 1, 1], "the provider allowed no pause, and none is too short"
    (scope,) = [asked["scope"] for path, asked in provider.asked if path.endswith("devicecode")]
    assert {"https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send"} < {
        *scope.split()
    }


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("authorization_declined", "it gives no token"),
        ("access_denied", "refused the login"),
        ("expired_token", "nobody logged in before the code ended"),
    ],
)
def test_a_login_that_was_not_finished_is_told(provider: Provider, error: str, sentence: str) -> None:
    provider.pending.append(error)
    with pytest.raises(TransientError, match=sentence):
        MicrosoftTokens(microsoft(authority=provider.authority)).log_in(
            ["mailbox"], lambda _: None, wait=lambda _: None
        )


def test_a_person_logs_in_at_google_and_the_browser_comes_back_to_a_loopback_port(provider: Provider) -> None:
    with listening() as redirect, ThreadPoolExecutor(1) as browser:
        pages = []

        def say(sentence: str) -> None:
            if sentence.startswith("https://accounts.google.com/o/oauth2/v2/auth?"):
                back = provider.visit(sentence)
                pages.append(browser.submit(lambda: [browse(f"{redirect.address}favicon.ico"), browse(back)]))

        grant = GoogleTokens(google(provider.token_url)).log_in(redirect, say)
        assert pages[0].result() == [400, 200]
    assert grant.refresh_token is not None
    assert grant.refresh_token.get_secret_value() in provider.refresh_tokens


def test_a_visit_with_another_state_is_not_the_login(provider: Provider) -> None:
    with listening() as redirect, ThreadPoolExecutor(1) as browser:
        statuses = []

        def say(sentence: str) -> None:
            if sentence.startswith("https://"):
                back = provider.visit(sentence, allow=False)
                forged = re.sub(r"state=[^&]*&.*", "state=x&code=forged", back)
                statuses.append(browser.submit(lambda: [browse(forged), browse(back)]))

        with pytest.raises(TransientError, match="refused on the consent page"):
            GoogleTokens(google(provider.token_url)).log_in(redirect, say)
        assert statuses[0].result() == [400, 200]
    assert [path for path, _ in provider.asked] == []


def test_the_address_can_be_pasted_where_the_browser_is_on_another_machine(provider: Provider) -> None:
    said = list[str]()
    pasted = PastedRedirect(lambda: f" {provider.visit(said[1])}\n")
    assert GoogleTokens(google(provider.token_url)).log_in(pasted, said.append).refresh_token is not None
    wrong = PastedRedirect(lambda: "https://www.example.org/")
    with pytest.raises(TransientError, match="not the address of this login"):
        GoogleTokens(google(provider.token_url)).log_in(wrong, said.append)


def test_nobody_else_is_let_in_on_the_loopback_port() -> None:
    with listening() as redirect:
        assert isinstance(redirect, LoopbackRedirect)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", redirect.address)


def test_every_failure_of_a_provider_is_one_of_ours(provider: Provider) -> None:
    provider.planned.append((200, "\x00"))
    with pytest.raises(MeldpuntError):
        GoogleTokens(google(provider.token_url, FIRST)).for_person(SecretStr(FIRST))

"""What can be held of the image and its compose file without an engine that builds them."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from bot.schedule import jobs
from bot.setting_files import load_settings
from bot.settings import PREFIX
from bot.web.app import serve
from tests.rigs.bots import Clock, idle_bot

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
HADOLINT = Path(sys.executable).parent / "hadolint"
COMPOSE: Mapping[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction of the Dockerfile with what follows it, lines joined and comments gone."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def said(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def final_stage() -> list[tuple[str, str]]:
    whole = list(instructions())
    last = max(number for number, (word, _) in enumerate(whole) if word == "FROM")
    return whole[last:]


def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run(
        [HADOLINT, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_whatever_is_copied_is_there_and_let_in() -> None:
    patterns = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert next(line for line in patterns if line and not line.startswith("#")) == "*"
    let_in = {line[1:] for line in patterns if line.startswith("!")}
    copied = {
        source
        for rest in said("COPY")
        if "--from=" not in rest
        for source in [word for word in rest.split() if not word.startswith("--")][:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_every_package_comes_from_the_lock_by_its_hash() -> None:
    (installing,) = [rest for rest in said("RUN") if "pip install" in rest]
    assert "--require-hashes" in installing
    assert "-r /src/requirements.lock" in installing
    assert not any("pip install" in rest for word, rest in final_stage() if word == "RUN")
    assert not any(rest.split()[0] in {"apt-get", "curl", "wget"} for rest in said("RUN"))


def test_it_runs_as_a_user_without_rights_who_owns_one_folder() -> None:
    stage = dict(final_stage())
    user, _, group = stage["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert (stage["WORKDIR"], stage["VOLUME"]) == ("/data", "/data")
    assert f"--uid {user}" in stage["RUN"]
    assert "HOME=/data" in stage["ENV"], "some libraries look for a home when they are loaded"


def test_it_starts_the_bot_itself_so_that_a_signal_reaches_it() -> None:
    stage = dict(final_stage())
    assert (stage["ENTRYPOINT"], stage["CMD"], stage["STOPSIGNAL"]) == ('["meldpunt"]', '["run"]', "SIGTERM")


def test_no_secret_and_no_setting_that_a_file_could_not_change_is_built_in() -> None:
    names = re.findall(
        rf"{PREFIX}\w+", " ".join(rest for word, rest in instructions() if word in {"ENV", "ARG"})
    )
    assert names == ["MELDPUNT_WEB__HOST"]


def test_its_label_tells_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (label,) = said("LABEL")
    assert f'org.opencontainers.image.version="{project["version"]}"' in label
    assert SERVICES["bot"]["image"] == f"meldpunt:{project['version']}"
    python = project["requires-python"].removeprefix(">=")
    assert all(rest.startswith(f"python:{python}-") for rest in said("FROM"))


def test_the_health_check_asks_the_port_that_is_set_whatever_the_proxy(tmp_path: Path) -> None:
    (check,) = said("HEALTHCHECK")
    words = yaml.safe_load(check.partition("CMD ")[2])
    assert words[:2] == ["python", "-c"]

    def ask(port: int) -> int:
        env = {"MELDPUNT_WEB__PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run(
            [sys.executable, *words[1:]], env=env, capture_output=True, check=False
        ).returncode

    clock = Clock()
    with idle_bot(tmp_path, clock) as bot, serve(bot, jobs(bot)) as port:
        for job in jobs(bot):
            bot.doors.beat(job.name, clock())
        assert ask(port) == 0
        clock.passes(timedelta(days=1))
        assert ask(port) == 1, "every job has been silent for a day"
    assert ask(9) == 1, "nobody is there"


def test_the_command_of_the_image_reads_mail_in_a_child_process(tmp_path: Path) -> None:
    script = DEPLOY / "meldpunt"
    assert script.read_text("utf-8").startswith("#!/opt/meldpunt/bin/python\n")
    (tmp_path / "mail.eml").write_bytes(b"From: robin@example.org\r\nSubject: XSS\r\n\r\nHello\r\n")
    done = subprocess.run(
        [sys.executable, script, "parse", tmp_path / "mail.eml"],
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"XSS"' in done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_can_write_nothing_it_need_not_and_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode"} & service.keys()
    assert "/tmp" in [mount.partition(":")[0] for mount in service["tmpfs"]]  # noqa: S108 - of the container
    assert "user" in service or "build" in service
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_database_is_reached_by_the_bot_alone_and_waited_for() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["inside"]
    assert "ports" not in SERVICES["database"]
    assert SERVICES["bot"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["database"]["healthcheck"]["test"][0] == "CMD"


def test_everything_that_a_service_names_is_declared_and_there() -> None:
    for service in SERVICES.values():
        assert {*service["secrets"]} <= COMPOSE["secrets"].keys()
        assert {*service["networks"]} <= COMPOSE["networks"].keys()
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_dir()
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / "Dockerfile").is_file()
    used = {name for service in SERVICES.values() for name in service["secrets"]}
    assert used == COMPOSE["secrets"].keys()
    assert all(each["file"] == f"secrets/{name}" for name, each in COMPOSE["secrets"].items())


def test_the_databases_are_those_of_the_secrets_whatever_the_settings_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = {
        "DATABASE_URL": "postgresql+psycopg://a@database/a",
        "KEYS_URL": "postgresql+psycopg://b@database/b",
    }
    written |= {"SECRET_KEYS": "k1:" + "A" * 43 + "=", "INDEX_SECRET": "a-word-that-nobody-guesses"}
    for name, value in written.items():
        (tmp_path / f"{PREFIX}{name}").write_text(value, "utf-8")
    # As compose does: `environment` wins from `env_file`, here the example as it is copied.
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", "sqlite:///meldpunt.db")
    for name, value in SERVICES["bot"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = load_settings(secrets_dir=tmp_path)
    assert settings.database_url.get_secret_value() == written["DATABASE_URL"]
    assert settings.keys_address == written["KEYS_URL"]


def test_every_setting_in_it_is_one_that_the_bot_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = SERVICES["bot"]
    secrets = {name: f"a-secret-called-{name}" for name in bot["secrets"]}
    secrets |= {"MELDPUNT_SECRET_KEYS": "k1:" + "A" * 43 + "="}
    secrets |= {f"MELDPUNT_{name}_URL": f"sqlite:///{name}.db" for name in ("DATABASE", "KEYS")}
    for name, value in secrets.items():
        (tmp_path / name).write_text(value, "utf-8")
    others = {
        "MAILBOX__KIND": "imap",
        "MAILBOX__HOST": "imap.example.nl",
        "MAILBOX__USERNAME": "security@example.nl",
        "MAILER__HOST": "smtp.example.nl",
        "MAILER__USERNAME": "security@example.nl",
        "TRACKERS__MAIN__KIND": "gitlab",
        "TRACKERS__MAIN__URL": "https://gitlab.example.nl",
        "TRACKERS__MAIN__PROJECT": "security/reports",
    }
    for name, value in {
        **bot["environment"],
        **{f"{PREFIX}{key}": each for key, each in others.items()},
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    settings = load_settings(secrets_dir=tmp_path)
    assert settings.trackers["main"].token == SecretStr(secrets["MELDPUNT_TRACKERS__MAIN__TOKEN"])
    assert bot["ports"] == [f"127.0.0.1:8080:{settings.web.port}"]


def test_a_service_is_given_only_the_secrets_that_are_its_own() -> None:
    assert "postgres_password" not in SERVICES["bot"]["secrets"]
    assert {*SERVICES["database"]["secrets"]} == {
        "postgres_password",
        "MELDPUNT_DATABASE_URL",
        "MELDPUNT_KEYS_URL",
    }


def test_the_scripts_are_sound_and_can_be_started() -> None:
    for script in (DEPLOY / "postgres").iterdir():
        assert script.stat().st_mode & 0o111
        assert subprocess.run(["/bin/sh", "-n", script], check=False).returncode == 0


def test_what_the_page_on_deploying_says_to_make_is_what_compose_wants() -> None:
    page = (DEPLOY / "README.md").read_text("utf-8")
    made = {
        Path(word).name
        for line in page.splitlines()
        if "> secrets/" in line
        for word in shlex.split(line.partition("> ")[2], comments=True)[:1]
    }
    assert made == COMPOSE["secrets"].keys()

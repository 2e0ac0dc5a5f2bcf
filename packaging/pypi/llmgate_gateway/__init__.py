"""llmgate: policy engine, mock OpenAI upstream and a real Envoy in one command."""

import os
import subprocess
import sys

from ._command import command, environment

__all__ = ["command", "environment", "main"]


def main() -> int:
    """Runs llmgate with the words of the command line; on POSIX this process becomes it."""
    words = command(sys.argv[1:])
    if os.name == "posix":
        os.execve(words[0], words, environment())
    return subprocess.run(words, env=environment(), check=False).returncode

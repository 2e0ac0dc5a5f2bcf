"""Parts of llmgate for tests of your own: started on free ports, steered, and asked what they saw."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ._command import command, environment

_PATIENCE_S = 5.0
_LEFT = frozenset({"client-fin", "client-rst", "h2-rst"})
_PORTS = ("--port", "--admin-port", "--policy-port", "--upstream-port", "--control-port")
# The control listener is on this machine: no proxy of the environment is asked.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Exchange:
    """One request, as the mock saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any
    status: int | None
    events: int
    end: str | None
    raw: dict[str, Any] = field(repr=False)

    @property
    def path(self) -> str:
        return self.target.split("?")[0]

    @property
    def cancelled(self) -> bool:
        """Whether the client left before the end."""
        return self.end in _LEFT


class _Running:
    """A child process that is ended with its block."""

    def __init__(self, words: list[str], program: str | None) -> None:
        line = command(words) if program is None else [program, *words]
        self._said: deque[str] = deque(maxlen=200)
        self._child = subprocess.Popen(
            line,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._child.stdout is not None and self._child.stderr is not None
        listening = threading.Thread(
            target=self._said.extend, args=(self._child.stderr,), daemon=True
        )
        listening.start()
        first = self._child.stdout.readline()
        if first == "":
            code = self._child.wait()
            listening.join()
            raise RuntimeError(f"llmgate {words[0]} ended with code {code}:\n{''.join(self._said)}")
        self.ready: dict[str, Any] = json.loads(first)
        # Later output is not read, but must not fill the pipe.
        threading.Thread(
            target=lambda out: deque(out, maxlen=0), args=(self._child.stdout,), daemon=True
        ).start()

    def close(self) -> None:
        if self._child.poll() is None:
            self._child.terminate()
        self._child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Mock:
    """What the mock model server is told to answer, and what it was asked."""

    def __init__(self, url: str, control: str) -> None:
        self.url = url
        self.base_url = f"{url}/v1"
        self._control = f"{control}/__mock"
        self._count = 0

    def reply(self, reply: str | dict[str, Any], **match: Any) -> None:
        """Answers what `match` fits (everything, without it) with a text, or the fields of a reply."""
        self.scenario({"match": match, "reply": reply})

    def error(self, error: int | dict[str, Any], **match: Any) -> None:
        """Answers with an error: a status, or status, message, type, code and retry_after."""
        self.scenario({"match": match, "error": error})

    def answers(self, answers: list[Any], **match: Any) -> None:
        """Answers in turn: statuses, "ok", {"reply": …}, {"error": …}; the last one repeats."""
        self.scenario({"match": match, "answers": answers})

    def steps(self, steps: list[dict[str, Any]], **match: Any) -> None:
        """Answers step by step: events, cuts, sleeps, resets."""
        self.scenario({"match": match, "steps": steps})

    def scenario(self, scenario: dict[str, Any], name: str | None = None) -> None:
        """Sets a scenario as its file would hold it; what was set last is asked first."""
        self._count += 1
        path = urllib.parse.quote(name or f"test-{self._count}", safe="")
        self._ask("PUT", f"scenarios/{path}", json.dumps(scenario).encode())

    def reset(self) -> None:
        """Forgets what was set and what was asked."""
        self._ask("DELETE", "scenarios")
        self._ask("DELETE", "journal")

    def requests(self) -> list[Exchange]:
        """Returns what was asked so far, oldest first."""
        return _read(self._ask("GET", "journal"))

    def assert_asked(self, times: int = 1) -> list[Exchange]:
        """Waits until so many requests have ended, and asserts that no more were made; returns them."""
        found = self._ended(times)
        assert len(found) == times, f"the model was asked {len(found)} times, not {times}"
        return found

    def assert_cancelled(self) -> Exchange:
        """Asserts that the last request was cancelled by its client; waits for its end; returns it."""
        before = self.requests()
        assert before, "the model was not asked"
        last = self._ended(len(before))[-1]
        assert last.cancelled, f"the last request ended as {last.end or 'none: it still runs'}"
        return last

    def _ended(self, count: int) -> list[Exchange]:
        if count == 0:
            return self.requests()
        wait = f"journal?wait=end&count={count}&deadline_ms={int(_PATIENCE_S * 1000)}"
        text = self._ask("GET", wait, empty=504)
        return self.requests() if text is None else _read(text)

    def _ask(
        self, method: str, path: str, body: bytes | None = None, empty: int | None = None
    ) -> str | None:
        request = urllib.request.Request(
            f"{self._control}/{path}",
            data=body,
            method=method,
            headers={"content-type": "application/json"},
        )
        try:
            with _DIRECT.open(request, timeout=_PATIENCE_S + 10) as response:
                return response.read().decode()
        except urllib.error.HTTPError as error:
            if error.code == empty:
                return None
            raise ValueError(error.read().decode()) from None


class Upstream(_Running, _Mock):
    """The running mock model server."""

    def __init__(self, words: list[str], program: str | None) -> None:
        _Running.__init__(self, words, program)
        _Mock.__init__(self, self.ready["upstream"], self.ready["control"])


class Policy(_Running):
    """The running policy stub."""

    @property
    def address(self) -> str:
        """`host:port` of its gRPC listener."""
        return self.ready["policy"]


class Gateway(_Running):
    """A running gateway: policy, mock upstream and a real Envoy."""

    def __init__(self, words: list[str], program: str | None) -> None:
        super().__init__(words, program)
        self.url: str = self.ready["ingress"]
        self.base_url = f"{self.url}/v1"
        self.upstream = _Mock(self.ready["upstream"], self.ready["control"])


def start_upstream(
    *,
    scenarios: str | os.PathLike[str] | None = None,
    strict: bool = False,
    pace: str = "0",
    program: str | None = None,
) -> Upstream:
    """Starts the mock model server on a free port; a context manager. It answers as fast as it can."""
    words = ["upstream", "--port", "0", "--control-port", "0", "--json", "--quiet", "--bodies"]
    words += ["--pace", pace]
    words += [] if scenarios is None else ["--scenarios", str(scenarios)]
    words += ["--strict"] if strict else []
    return Upstream(words, program)


def start_policy(
    *, rules: str | os.PathLike[str] | None = None, program: str | None = None
) -> Policy:
    """Starts the policy stub (ext_authz over gRPC) on a free port; a context manager."""
    words = ["policy", "--port", "0", "--json", "--quiet"]
    return Policy([*words, *([] if rules is None else ["--rules", str(rules)])], program)


def start_gateway(
    *, rules: str | os.PathLike[str] | None = None, program: str | None = None
) -> Gateway:
    """Starts policy, mock upstream and a real Envoy on free ports; a context manager."""
    words = ["dev", "--json", *(word for flag in _PORTS for word in (flag, "0"))]
    return Gateway([*words, *([] if rules is None else ["--rules", str(rules)])], program)


def _read(text: str | None) -> list[Exchange]:
    return [_exchange(json.loads(line)) for line in (text or "").splitlines() if line]


def _exchange(raw: dict[str, Any]) -> Exchange:
    text = raw.get("bodyText")
    try:
        body = json.loads(text) if text is not None else None
    except ValueError:
        body = text
    return Exchange(
        method=raw.get("method", ""),
        target=raw.get("target", ""),
        headers={name.lower(): value for name, value in raw.get("headers", [])},
        body=body,
        status=raw.get("status"),
        events=raw.get("events", 0),
        end=raw.get("end"),
        raw=raw,
    )

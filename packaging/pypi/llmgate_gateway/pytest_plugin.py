"""Fixtures of pytest: a mock model server, a policy engine and a whole gateway, on free ports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .testing import Gateway, Policy, Upstream, start_gateway, start_policy, start_upstream


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("llmgate")
    group.addoption("--llmgate-command", help="a binary to run in place of the installed package")
    group.addoption("--llmgate-scenarios", help="a folder of scenarios for llmgate_upstream")
    group.addoption(
        "--llmgate-strict",
        action="store_true",
        help="a request that no scenario answers is an error that names the nearest one",
    )


@pytest.fixture(scope="session")
def llmgate_upstream_server(pytestconfig: pytest.Config) -> Iterator[Upstream]:
    """The mock model server of the whole run."""
    with start_upstream(
        scenarios=pytestconfig.getoption("--llmgate-scenarios"),
        strict=pytestconfig.getoption("--llmgate-strict"),
        program=pytestconfig.getoption("--llmgate-command"),
    ) as upstream:
        yield upstream


@pytest.fixture
def llmgate_upstream(llmgate_upstream_server: Upstream) -> Upstream:
    """The mock model server, with nothing set and nothing asked yet."""
    llmgate_upstream_server.reset()
    return llmgate_upstream_server


@pytest.fixture(scope="session")
def llmgate_policy(pytestconfig: pytest.Config) -> Iterator[Policy]:
    """The policy stub, an ext_authz engine over gRPC, with the demo rules."""
    with start_policy(program=pytestconfig.getoption("--llmgate-command")) as policy:
        yield policy


@pytest.fixture(scope="session")
def llmgate_gateway_server(pytestconfig: pytest.Config) -> Iterator[Gateway]:
    """Policy, mock upstream and a real Envoy, of the whole run."""
    with start_gateway(program=pytestconfig.getoption("--llmgate-command")) as gateway:
        yield gateway


@pytest.fixture
def llmgate_gateway(llmgate_gateway_server: Gateway) -> Gateway:
    """The gateway, with nothing set and nothing asked yet at its mock."""
    llmgate_gateway_server.upstream.reset()
    return llmgate_gateway_server

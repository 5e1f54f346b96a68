"""One embedded AWS for the clients of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.embedded import Endpoint, serving


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with serving(tmp_path_factory.mktemp("embedded-aws") / "log") as found:
        yield found


@pytest.fixture
def aws_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The embedded AWS as the AWS of this process."""
    for name, value in endpoint.environment.items():
        monkeypatch.setenv(name, value)
    return endpoint

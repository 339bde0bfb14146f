from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError


def test_no_test_reaches_the_network() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client,
        pytest.warns(UserWarning, match="tried to use"),  # the guard says it twice
        pytest.raises(SocketConnectBlockedError, match=r"192\.0\.2\.1"),
    ):
        client.connect(("192.0.2.1", 80))  # a documentation address: nobody's, should the guard be gone


def test_a_server_on_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, address = server.accept()
        accepted.close()
        assert address == client.getsockname()


def test_each_test_has_its_own_home(own_home: Path) -> None:
    assert Path.home() == own_home
    assert not list(own_home.iterdir())
    assert os.environ["HF_HUB_OFFLINE"] == "1"

"""Where no instance can boot, its server is taken out of its user data."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from yolops.rehearsal.server_files import SETTINGS, lay_out_server, written_files

USER_DATA = b"""#cloud-config
write_files:
  - path: /opt/mlflow/lib/yolops_server/a.py
    encoding: gz+b64
    content: CONTENT
  - path: /etc/mlflow/server.json
    content: '{"port": 5000, "workers": 2}'
  - path: /etc/nginx/nginx.conf
    content: ""
runcmd: [[/opt/mlflow/setup]]
""".replace(b"CONTENT", base64.b64encode(gzip.compress(b"a = 1")))


@pytest.mark.parametrize("user_data", [USER_DATA, gzip.compress(USER_DATA)])
def test_the_files_are_those_that_cloud_init_would_write(user_data: bytes, tmp_path: Path) -> None:
    lay_out_server(written_files(user_data), tmp_path, {"port": 5001})
    assert (tmp_path / "lib/yolops_server/a.py").read_text() == "a = 1"
    assert json.loads((tmp_path / "server.json").read_text()) == {
        "port": 5001,
        "workers": 1,
        "run": str(tmp_path),
        "tls": str(tmp_path),
        "cache": str(tmp_path),
    }


@pytest.mark.parametrize("user_data", [b"", b"#!/bin/sh\necho hello\n", b"#cloud-config\nruncmd: []\n"])
def test_user_data_of_somebody_else_holds_no_server(user_data: bytes) -> None:
    assert SETTINGS not in written_files(user_data)

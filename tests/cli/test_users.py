"""`yolops users`, typed, against a real MLflow with logins and TLS; what a permission does is tried as who has it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_aws_commands import Typed, Workplace
from tests.secure_mlflow import ADMIN, SecureMlflow, secure_mlflow
from tests.terminal import Terminal
from tests.tracking.mlflow_http import serving
from yolops.errors import YolopsError
from yolops.tracking.rest import MlflowRest
from yolops.tracking.runs import experiment_names


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureMlflow]:
    with secure_mlflow(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


class Users(Workplace):
    """Types `yolops users` as the administrator, unless a test says otherwise."""

    def __call__(self, *arguments: str, **environment: str) -> Typed:
        return super().__call__("users", *arguments, **environment)


@pytest.fixture
def users(server: SecureMlflow, tmp_path: Path) -> Users:
    return Users(
        tmp_path,
        {
            "HOME": str(tmp_path),
            "MLFLOW_TRACKING_URI": server.uri,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(server.files.root),
            "MLFLOW_TRACKING_USERNAME": ADMIN.username,
            "MLFLOW_TRACKING_PASSWORD": ADMIN.password,
        },
    )


def added(users: Users, name: str, *options: str) -> dict[str, str]:
    """Add somebody and return what they must set."""
    done = users("add", name, *options, "--json")
    assert done.code == 0, done.err
    return dict(done.json["environment"])


def as_(server: SecureMlflow, environment: dict[str, str]) -> MlflowRest:
    return server.rest(environment["MLFLOW_TRACKING_USERNAME"], environment["MLFLOW_TRACKING_PASSWORD"])


def refused(typed: Typed) -> str:
    """Return the error of a command that ended as one should: two lines, no traceback."""
    error, hint = typed.err.splitlines()[-2:]
    assert (typed.code, error[:7], hint.strip()[:4]) == (1, "error: ", "try:"), typed.err
    return error


def a_run(rest: MlflowRest, experiment_id: str) -> dict[str, Any]:
    now = int(time.time() * 1000)
    run: dict[str, Any] = rest.post("runs/create", experiment_id=experiment_id, start_time=now)["run"]["info"]
    rest.post("runs/log-batch", run_id=run["run_id"], metrics=[{"key": "a", "value": 1, "timestamp": now, "step": 0}])
    return run


def test_somebody_is_let_in_with_a_password_that_is_shown_once(users: Users, server: SecureMlflow) -> None:
    done = users("add", "ana")
    assert done.code == 0, done.err
    said = dict(line.removeprefix("export ").split("=", 1) for line in done.out.splitlines())
    assert (said["MLFLOW_TRACKING_URI"], said["MLFLOW_TRACKING_USERNAME"]) == (server.uri, "ana")
    assert len(said["MLFLOW_TRACKING_PASSWORD"]) == 24
    assert said["MLFLOW_TRACKING_PASSWORD"] not in done.err
    assert users("list", **said).code == 0, "and with these variables one is in"
    listed = {user["name"]: user for user in users("list", "--json").json}
    assert (listed["ana"]["admin"], listed["ana"]["grants"], listed["root"]["admin"]) == (False, [], True)
    assert "there is a user 'ana' already" in refused(users("add", "ana"))


def test_a_password_may_come_from_stdin_and_is_not_shown_then(users: Users, server: SecureMlflow) -> None:
    def given(command: str, password: str) -> Typed:
        process = users.start("users", command, "ben", "--password-stdin", stdin=subprocess.PIPE)
        out, err = process.communicate(f"{password}\n", timeout=60)
        return Typed(process.returncode, out, err)

    assert "the password has 5 characters" in refused(given("add", "short"))
    done = given("add", "long enough a password")
    assert done.code == 0, done.err
    assert "long enough" not in done.out + done.err
    assert "shown" not in done.err
    assert server.rest("ben", "long enough a password").get("users/current")["user"]["username"] == "ben"
    assert given("password", "another long password").code == 0
    with pytest.raises(YolopsError, match="does not let you in as ben"):
        server.rest("ben", "long enough a password").get("users/current")


def test_a_password_that_is_typed_is_asked_for_and_not_shown(users: Users, server: SecureMlflow) -> None:
    terminal = Terminal(users.root, "users", "add", "dora", "--password-stdin", **users.environment)
    terminal.answer("Password for dora: ", "long enough a password")
    assert terminal.end() == 0, terminal.said
    assert "long enough" not in terminal.said
    assert server.rest("dora", "long enough a password").get("users/current")["user"]["username"] == "dora"


def test_a_new_user_sees_nothing_of_others_and_may_do_what_is_granted(users: Users, server: SecureMlflow) -> None:
    root, environment = server.rest(), added(users, "cleo")
    experiment = root.post("experiments/create", name="cells")["experiment_id"]
    root.post("registered-models/create", name="cells")
    cleo = as_(server, environment)
    assert experiment not in experiment_names(cleo)
    with pytest.raises(YolopsError, match=r"does not let cleo do this \(403\)"):
        a_run(cleo, experiment)

    assert "READ experiment cells" not in users("list").out
    assert users("grant", "cleo", "READ", "--experiment", "cells").out == "cleo may READ experiment cells\n"
    assert experiment_names(cleo)[experiment] == "cells"
    with pytest.raises(YolopsError, match="403"):
        a_run(cleo, experiment)
    assert users("grant", "cleo", "EDIT", "--experiment", "cells").code == 0, "it takes the place of READ"
    a_run(cleo, experiment)

    with pytest.raises(YolopsError, match="403"):
        cleo.get("registered-models/get", name="cells")
    assert users("grant", "cleo", "READ", "--model", "cells", "--json").json["for"] == ["model cells"]
    assert cleo.get("registered-models/get", name="cells")["registered_model"]["name"] == "cells"
    assert "EDIT experiment cells; READ model cells" in users("list").out

    assert users("revoke", "cleo", "--experiment", "cells").code == 0
    with pytest.raises(YolopsError, match="403"):
        a_run(cleo, experiment)
    assert "cleo has no permission of their own" in refused(users("revoke", "cleo", "--experiment", "cells"))


def test_a_member_of_the_team_works_with_everything_that_is_there_and_that_will_be(
    users: Users, server: SecureMlflow
) -> None:
    root, dan = server.rest(), as_(server, added(users, "dan"))
    before = root.post("experiments/create", name="before")["experiment_id"]
    run = a_run(root, before)
    root.post("registered-models/create", name="before")
    assert users("grant", "dan", "edit", "--all").out == "dan may EDIT every experiment, every model\n"
    after = root.post("experiments/create", name="after")["experiment_id"]
    root.post("registered-models/create", name="after")
    for experiment in (before, after):
        a_run(dan, experiment)
    assert {"before", "after"} <= set(experiment_names(dan).values())
    found = dan.post("runs/search", experiment_ids=[before, after], max_results=10)["runs"]
    assert run["run_id"] in {item["info"]["run_id"] for item in found}
    dan.send("PATCH", "registered-models/update", name="after", description="by dan")
    assert users("grant", "dan", "READ", "--experiment", "before").code == 0
    a_run(dan, before)  # the widest permission counts
    with pytest.raises(YolopsError, match="403"):
        dan.post("experiments/delete", experiment_id=before)
    with pytest.raises(YolopsError, match="403"):
        dan.post("users/create", username="eve", password="a password of eve")
    assert users("grant", "dan", "MANAGE", "--all").code == 0
    dan.post("experiments/delete", experiment_id=after)
    assert "MANAGE every experiment; MANAGE every model" in users("list").out
    assert users("revoke", "dan", "--all").out.endswith("for every experiment, every model\n")
    with pytest.raises(YolopsError, match="403"):
        a_run(dan, before)


def test_what_one_makes_is_one_s_own(users: Users, server: SecureMlflow) -> None:
    environment = added(users, "eli")
    mine = as_(server, environment).post("experiments/create", name="of eli")["experiment_id"]
    a_run(as_(server, environment), mine)
    assert "MANAGE experiment of eli" in users("list").out


def test_an_administrator_lets_others_in_and_nobody_else_does(users: Users) -> None:
    admin, other = added(users, "fay", "--admin"), added(users, "gus")
    assert "MLflow does not let gus do this (403)" in refused(users("add", "hal", **other))
    assert "MLflow does not let gus do this (403)" in refused(users("grant", "fay", "READ", "--all", **other))
    assert users("add", "hal", **admin).code == 0
    assert users("remove", "hal", **admin).out == "hal cannot log in any more\n"
    assert "you are fay yourself" in refused(users("remove", "fay", **admin))
    assert users("remove", "gus").code == 0
    assert "does not let you in as gus (401)" in refused(users("list", **other))


def test_everybody_may_change_their_own_password(users: Users, server: SecureMlflow) -> None:
    mine = added(users, "ida")
    changed = users("password", "ida", "--json", **mine)
    assert changed.code == 0, changed.err
    new = changed.json["environment"]
    assert new["MLFLOW_TRACKING_PASSWORD"] != mine["MLFLOW_TRACKING_PASSWORD"]
    assert as_(server, new).get("users/current")["user"]["username"] == "ida"
    assert "does not let you in as ida" in refused(users("list", **mine))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("remove", "nobody"), "there is no user 'nobody'"),
        (("password", "nobody"), "there is no user 'nobody'"),
        (("grant", "nobody", "READ", "--all"), "there is no user 'nobody'"),
        (("revoke", "nobody", "--all"), "there is no user 'nobody'"),
        (("grant", "root", "READ", "--experiment", "nothing"), "there is no experiment 'nothing'"),
        (("grant", "root", "READ", "--model", "nothing"), "there is no model 'nothing'"),
        (("add", "a:b"), "'a:b': no name to log in with"),
        (("add", ""), "'': no name to log in with"),
    ],
)
def test_what_does_not_exist_is_named(users: Users, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(users(*arguments))


def test_a_permission_is_for_one_thing_or_for_all(users: Users) -> None:
    for what in ((), ("--all", "--model", "cells")):
        typed = users("grant", "root", "READ", *what)
        assert (typed.code, "--experiment NAME, --model NAME, --all" in typed.err) == (2, True)


def test_where_nobody_logs_in_there_are_no_users(users: Users) -> None:
    with serving() as open_to_all:
        open_to_all.will_answer("users/current", (404, "<html>Not Found</html>"))
        assert "asks nobody for a login" in refused(users("list", MLFLOW_TRACKING_URI=open_to_all.uri))
    assert "asks nobody for a login" in refused(users("list", MLFLOW_TRACKING_URI=""))

"""What the server of custom mode lets in, what it refuses, and what it does when its password changes."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.rehearsal.conftest import wait_for
from tests.server.conftest import BUCKET, SECRET, SOURCE, Server
from yolops.running_processes import find_background

pytestmark = pytest.mark.timeout(600)
# Whoever asks learns from these how MLflow is, and which page to show; they hold nothing of anybody.
OPEN = {"/health", "/api/2.0/mlflow/server-info", "/api/3.0/mlflow/server-info"}
OPEN_BELOW = ("/static-files/", "/ajax-api/2.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")
EXPERIMENTS, PERMISSIONS = "/api/2.0/mlflow/experiments", "/api/3.0/mlflow/users/permissions"
# Those that are asked most take a shorter way through the server.
FREQUENT = [f"{prefix}/2.0/mlflow/runs/{what}" for prefix in ("/api", "/ajax-api") for what in ("log-batch", "search")]
# Asks the application itself which routes it has, those of Flask and those of FastAPI.
LIST_ROUTES = """
import json, sys
sys.path.insert(0, sys.argv[1])
from yolops_server.application import create_app
application = create_app()
from fastapi.routing import iter_route_contexts
from mlflow.server import app as flask
found = {(method, rule.rule) for rule in flask.url_map.iter_rules() for method in rule.methods}
# A router that is included is no route, but holds some.
found |= {(method, route.path) for route in iter_route_contexts(application.routes) for method in route.methods or ()}
print(json.dumps(sorted(found)))
"""


def routes(server: Server) -> list[tuple[str, str]]:
    """Return every route of the running version, with something in the place of each parameter."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIST_ROUTES, str(server.directory / "lib")],
        env=server.aws.environment() | {"YOLOPS_SERVER_SETTINGS": str(server.directory / "server.json")},
        capture_output=True,
        text=True,
        check=True,
    )
    return [(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])]


def filled(path: str) -> str:
    """Return a path in which each parameter has a value."""
    parts = path.replace("{", "<").replace("}", ">").split("<")
    return parts[0] + "".join("1" + part.partition(">")[2] for part in parts[1:])


def test_nobody_gets_anything_without_a_login_on_any_route_the_server_has(server: Server) -> None:
    found = routes(server)
    assert len(found) > 400
    assert {(method, "/api/2.0/yolops/backups") for method in ("GET", "POST")} <= set(found)
    answered = []
    connection = http.client.HTTPSConnection(server.address, 5000, timeout=30, context=server.trusted())
    for method, path in found:
        if method not in {"HEAD", "OPTIONS"}:
            connection.request(method, filled(path), body=b"{}", headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 401:
                answered.append((method, path, answer.status))
    connection.close()

    unexpected = [
        item for item in answered if item[1] not in OPEN and not item[1].startswith(OPEN_BELOW) and item[2] != 405
    ]
    assert unexpected == []
    assert ("GET", "/health", 200) in answered


def test_a_new_user_sees_nothing_of_others_and_what_is_granted_to_her(server: Server) -> None:
    made = server.ask(f"{EXPERIMENTS}/create", {"name": "secret"}).json["experiment_id"]
    run = server.ask("/api/2.0/mlflow/runs/create", {"experiment_id": made}).json["run"]["info"]["run_id"]
    ada = ("ada", "the-password-of-ada")
    assert server.ask("/api/2.0/mlflow/users/create", {"username": ada[0], "password": ada[1]}).status == 200

    assert server.ask(f"{EXPERIMENTS}/get?experiment_id={made}", login=ada).status == 403
    assert server.ask(f"/api/2.0/mlflow/runs/get?run_id={run}", login=ada).status == 403
    seen = server.ask(f"{EXPERIMENTS}/search", {"max_results": 10}, login=ada)
    assert "secret" not in seen.body
    # What she makes is hers.
    own = server.ask(f"{EXPERIMENTS}/create", {"name": "of ada"}, login=ada)
    assert server.ask(f"{EXPERIMENTS}/get?experiment_id={own.json['experiment_id']}", login=ada).status == 200


def test_what_is_revoked_is_refused_from_the_next_request_on(server: Server) -> None:
    made = server.ask(f"{EXPERIMENTS}/create", {"name": "lent"}).json["experiment_id"]
    run = server.ask("/api/2.0/mlflow/runs/create", {"experiment_id": made}).json["run"]["info"]["run_id"]
    eve = ("eve", "the-password-of-eve")
    server.ask("/api/2.0/mlflow/users/create", {"username": eve[0], "password": eve[1]})
    grant = {"username": eve[0], "resource_type": "experiment", "resource_id": made}

    def tries() -> tuple[int, int]:
        point = {"key": "loss", "value": 1, "timestamp": 1, "step": 1}
        written = server.ask("/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": [point]}, login=eve)
        found = server.ask("/api/2.0/mlflow/runs/search", {"experiment_ids": [made]}, login=eve)
        return written.status, len(found.json.get("runs", []))

    assert tries() == (403, 0)
    for _ in range(3):
        assert server.ask(f"{PERMISSIONS}/grant", grant | {"permission": "EDIT"}).status == 200
        assert tries() == (200, 1)
        assert server.ask(f"{PERMISSIONS}/revoke", grant).status == 200
        assert tries() == (403, 0)


def test_a_wrong_password_does_not_get_in(server: Server) -> None:
    assert server.ask(f"{EXPERIMENTS}/search?max_results=1", login=("admin", "password1234")).status == 401


@pytest.mark.parametrize("field", ["artifact_location", "artifactLocation"])
@pytest.mark.parametrize("place", ["s3://of-somebody-else/data", "/etc", "file:///etc", "mlflow-artifacts:/1/2"])
def test_nobody_but_the_server_decides_where_artifacts_are_kept(server: Server, field: str, place: str) -> None:
    refused = server.ask(f"{EXPERIMENTS}/create", {"name": f"{field} {place}", field: place})
    assert refused.status == 400
    assert "decided by the server" in refused.body


@pytest.mark.parametrize(
    "source", ["s3://of-somebody-else/model", "/etc/passwd", "file:///etc", "https://example.com/m"]
)
def test_a_model_comes_from_the_artifacts_of_the_server_only(server: Server, source: str) -> None:
    server.ask("/api/2.0/mlflow/registered-models/create", {"name": "detector"})
    refused = server.ask("/api/2.0/mlflow/model-versions/create", {"name": "detector", "source": source})
    assert refused.status == 400
    assert "Invalid model version source" in refused.body


def test_artifacts_go_to_the_prefix_of_the_server_and_nowhere_else(server: Server) -> None:
    path = "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/note.txt"
    assert server.ask(path, {"a": 1}, method="PUT").status == 200
    outside = server.ask("/api/2.0/mlflow-artifacts/artifacts/..%2f..%2fserver%2fca.pem", {"a": 1}, method="PUT")
    assert outside.status in {400, 404}
    keys = [item["Key"] for item in server.aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert sorted(keys) == ["mlflow/artifacts/0/run/artifacts/note.txt", "mlflow/server/ca.pem"]


@pytest.mark.parametrize("path", [f"{EXPERIMENTS}/create", *FREQUENT])
def test_another_host_name_and_another_site_are_refused(server: Server, path: str) -> None:
    assert server.ask(path, {"name": "x"}, Host="evil.example.com").status == 403
    assert server.ask(path, {"name": "x"}, Origin="https://evil.example.com").status == 403
    assert server.ask(path, {"name": "x"}, login=None).status == 401


def test_the_root_that_is_published_is_the_one_that_signed(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "ca.pem"
    root.write_bytes(server.aws.client("s3").get_object(Bucket=BUCKET, Key="mlflow/server/ca.pem")["Body"].read())
    with urllib.request.urlopen(
        f"{server.url}/health", context=ssl.create_default_context(cafile=str(root)), timeout=10
    ) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{server.url}/health", timeout=10)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(server: Server) -> None:
    context = server.trusted()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((server.address, 5000), timeout=10) as plain,
        pytest.raises((ssl.SSLError, OSError)),
        context.wrap_socket(plain, server_hostname=server.address),
    ):
        pass


def test_a_password_that_is_rotated_is_picked_up_without_a_failed_write(server: Server) -> None:
    experiment = server.ask(f"{EXPERIMENTS}/create", {"name": "rotation"}).json["experiment_id"]
    run = server.ask("/api/2.0/mlflow/runs/create", {"experiment_id": experiment}).json["run"]["info"]["run_id"]
    changed = SECRET | {"password": "another-password"}

    def write(step: int) -> int:
        point = {"key": "loss", "value": step, "timestamp": step, "step": step}
        return server.ask("/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": [point]}).status

    said = [write(0)]
    server.aws.client("rds").modify_db_instance(
        DBInstanceIdentifier="cells-mlflow", MasterUserPassword="another-password"
    )
    said += [write(step) for step in range(1, 10)]
    server.aws.client("secretsmanager").put_secret_value(SecretId=server.secret, SecretString=json.dumps(changed))
    _end_connections(server)
    said += [write(step) for step in range(10, 20)]

    assert said == [200] * 20
    history = server.ask(f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss&max_results=100").json
    assert [point["step"] for point in history["metrics"]] == list(range(20))


def test_the_administrator_enters_with_the_password_that_aws_keeps_also_when_it_is_a_new_one(server: Server) -> None:
    manager = server.aws.client("secretsmanager")
    kept = json.loads(manager.get_secret_value(SecretId=server.secret)["SecretString"])
    former, new = kept["admin_password"], "a new password of the administrator"

    def enters(password: str, name: str = "admin") -> bool:
        return server.ask("/api/2.0/mlflow/users/list", login=(name, password)).status == 200

    assert (enters(former), enters(new)) == (True, False)
    manager.put_secret_value(SecretId=server.secret, SecretString=json.dumps({**kept, "admin_password": new}))
    try:
        wait_for(lambda: enters(new), wanted=True)
        assert not enters(new, name="somebody else")
    finally:
        manager.put_secret_value(SecretId=server.secret, SecretString=json.dumps(kept))
    wait_for(lambda: enters(former), wanted=True)


def _end_connections(server: Server) -> None:
    """End every connection to the database, as a failover would: what comes next must log in anew."""
    data = server.aws.root / ".yolops/rehearsal/databases/cells-mlflow/data"
    ask = ["mariadb", "--no-defaults", f"--socket={data / 'server.sock'}", "--batch", "--skip-column-names"]
    listed = "SELECT id FROM information_schema.processlist WHERE user = 'mlflow'"
    found = subprocess.run([*ask, f"--execute={listed}"], capture_output=True, text=True, check=True).stdout.split()
    assert found
    kills = "; ".join(f"KILL {number}" for number in found)
    subprocess.run([*ask, f"--execute={kills}"], capture_output=True, text=True, check=True)


def test_no_secret_stands_in_what_the_server_wrote_or_in_its_arguments(server: Server) -> None:
    secrets = [value for name, value in SECRET.items() if not name.endswith("username")]
    written = {path: path.read_bytes() for path in server.directory.rglob("*") if path.is_file()}
    assert server.directory / "users.ini" in written
    for secret in secrets:
        assert [str(path) for path, content in written.items() if secret.encode() in content] == []
    arguments = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert [secret for secret in secrets if secret in arguments] == []


def test_what_is_set_for_mlflow_are_the_names_that_mlflow_reads() -> None:
    code = """
import mlflow.server.constants as said, mlflow.environment_variables as also, sys
sys.path.insert(0, sys.argv[1])
from yolops_server.prepare import environment
from yolops_server.settings import Secret, Settings
given = environment(Settings("p", "r", 1, 2, (), "s", "d", "m", "u", "b", "x", "l"), Secret("a", "b", "c", "d", "e"))
known = {value for value in vars(said).values() if isinstance(value, str)}
known |= {value.name for value in vars(also).values() if hasattr(value, "name")}
print(sorted(set(given) - known - {"AWS_DEFAULT_REGION"}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(SOURCE)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


# What a person writes who knows MLflow and nothing of us.
LOG_A_RUN = """
import mlflow
mlflow.set_experiment("cells")
with mlflow.start_run() as run:
    mlflow.log_metric("mAP50", 0.5)
    mlflow.log_text("weights", "weights.pt")
print(run.info.run_id, mlflow.artifacts.load_text(f"{run.info.artifact_uri}/weights.pt"))
"""


def test_a_plain_mlflow_client_logs_a_run_at_the_elastic_ip(server: Server) -> None:
    assert server.url.startswith("https://127.77.")
    login = {
        "MLFLOW_TRACKING_URI": server.url,
        "MLFLOW_TRACKING_SERVER_CERT_PATH": str(server.directory / "ca.pem"),
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": SECRET["admin_password"],
    }
    command = [sys.executable, "-W", "ignore", "-c", LOG_A_RUN]
    said = subprocess.run(command, env=server.aws.environment() | login, capture_output=True, text=True, check=True)
    run, weights = said.stdout.split()[-2:]
    assert weights == "weights"
    listed = server.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="mlflow/artifacts/")["Contents"]
    assert [item["Key"] for item in listed if run in item["Key"] and item["Key"].endswith("/weights.pt")]


def test_a_stopped_instance_ends_its_server_and_a_started_one_has_its_runs_again(server: Server) -> None:
    ec2 = server.aws.client("ec2")
    made = server.ask(f"{EXPERIMENTS}/create", {"name": "kept"}).json["experiment_id"]
    ec2.stop_instances(InstanceIds=[server.instance])
    wait_for(lambda: find_background(server.directory), [])
    ec2.start_instances(InstanceIds=[server.instance])
    wait_for(lambda: _is_healthy(server), True)
    assert server.ask(f"{EXPERIMENTS}/get?experiment_id={made}").status == 200


def test_a_terminated_instance_leaves_no_process(server: Server) -> None:
    server.aws.client("ec2").terminate_instances(InstanceIds=[server.instance])
    wait_for(lambda: find_background(server.directory), [])
    assert not _is_healthy(server)


def _is_healthy(server: Server) -> bool:
    try:
        return server.ask("/health").status == 200
    except OSError:
        return False

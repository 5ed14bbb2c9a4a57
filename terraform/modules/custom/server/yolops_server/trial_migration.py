"""Migrates copies of a backup that was loaded, with the MLflow of the environment that this runs in, and compares.

`python -m yolops_server.trial_migration DIRECTORY` is started by `trial.py`. Each line on stdout is a JSON object:
what comes next (`say`), which migrations there are (`migrations`), or why it failed (`failure`).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yolops_server import login, prepare
from yolops_server.database import VERSION_TABLES, engine_of, revisions, scripts_of_mlflow, steps, tables_of_mlflow
from yolops_server.settings import fetch_secret, read_settings
from yolops_server.trial_place import places_of_trial
from yolops_server.upgrade import Upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops_server.settings import Settings


def migrate(settings: Settings, tell: Callable[[str, Any], object]) -> None:
    """Do what a server does that carries out an upgrade, but to the tables of a backup.

    Raises:
        Exception: whatever would have such a server go back.
    """
    engine, where = engine_of(settings), places_of_trial(settings)
    tables = dict(zip(VERSION_TABLES, tables_of_mlflow(settings), strict=True))
    with engine.connect() as connection:
        found = revisions(connection, where.replaced)
        tell("migrations", {part: steps(scripts, found[part]) for part, scripts in scripts_of_mlflow().items()})
        Upgrade(engine, where, tables, lambda line: tell("say", line)).try_out(connection)


def main() -> None:
    """Migrate; how it goes is said on stdout, and what MLflow prints on stderr."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(kind: str, value: Any) -> None:
        said.write(json.dumps({kind: value}) + "\n")

    settings = replace(read_settings(), run=sys.argv[1])
    try:
        secret = fetch_secret(settings)
        prepare.write_users_file(settings)
        os.environ.update(prepare.environment(settings, secret))
        login.install(settings, secret.password)
        migrate(settings, tell)
    except Exception as error:
        tell("failure", f"{type(error).__name__}: {error}".splitlines()[0])
        raise


if __name__ == "__main__":
    main()

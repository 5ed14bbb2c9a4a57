"""MLflow's migrations of its users, without what MySQL refuses in the first: two foreign keys of one name.

https://github.com/mlflow/mlflow/issues/9642, open since 2023. A name counts within a schema in MySQL, within a table
elsewhere. Later migrations do not name these keys, so another name is all that is needed, and only where the tables are
made: what is installed stays as it is, and an MLflow without the mistake is copied as it is.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = re.compile(r"""name=(["'])fk_user_id\1""")


def repaired(migration: str) -> str:
    """Return a migration in which each foreign key has a name of its own."""
    seen = 0

    def rename(found: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        return found[0] if seen == 1 else f'name="fk_user_id_{seen}"'

    return KEY.sub(rename, migration)


def copy_repaired(migrations: Path, place: Path) -> None:
    """Copy a directory of migrations, repaired.

    Args:
        migrations: Alembic's script location.
        place: where the copy goes; what is there is replaced.
    """
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(migrations, place, ignore=shutil.ignore_patterns("__pycache__"))
    for file in place.glob("versions/*.py"):
        file.write_text(repaired(file.read_text(encoding="utf-8")), encoding="utf-8")

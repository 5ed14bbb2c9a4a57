"""As whom MLflow is asked, and how it is known again: resolved here, once, from what MLflow's own client reads.

Variables go before MLflow's file of credentials. Without either, a platform in custom mode is entered as its
administrator, with the login that AWS hands out to whoever may read it.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from yolops.aws import Aws
from yolops.errors import YolopsError
from yolops.platform.access import (
    CERTIFICATE,
    PASSWORD,
    TOKEN,
    USERNAME,
    Access,
    Credentials,
    administrator,
    read_credentials_file,
)
from yolops.platform.outputs import Mode
from yolops.platform.root_certificate import trust_in
from yolops.platform.trust import SYSTEM, Trust

if TYPE_CHECKING:
    from yolops.cli.session import Session
    from yolops.platform.outputs import Outputs

CREDENTIALS_FILE = Path(".mlflow") / "credentials"


@functools.cache
def access_to(session: Session, outputs: Outputs) -> Access:
    """Return how the MLflow of a platform is entered; what AWS must be asked for is asked for once.

    Raises:
        YolopsError: half a login is set, a file cannot be read, or AWS refuses.
    """
    return Access(outputs.tracking_uri, credentials_for(outputs), trust_of(session, outputs))


def named_certificate() -> Path | None:
    """Return the file of authorities that a person wants to be believed; None where none is named.

    Raises:
        YolopsError: it is not there.
    """
    named = os.environ.get(CERTIFICATE, "")
    if not named:
        return None
    if not Path(named).exists():
        raise YolopsError(f"{CERTIFICATE}: {named} is not there", "correct the path, or leave the variable out")
    return Path(named).absolute()


def credentials_for(outputs: Outputs) -> Credentials:
    """Return as whom the MLflow of a platform is entered.

    Raises:
        YolopsError: half a login is set, a file cannot be read, or AWS refuses.
    """
    kept = _kept_credentials()
    said = Credentials(
        username=os.environ.get(USERNAME) or kept.username,
        password=os.environ.get(PASSWORD) or kept.password,
        token=os.environ.get(TOKEN, ""),
    )
    if said.header() or outputs.mode in {Mode.LOCAL, Mode.STUDIO}:
        return said
    if said.username:
        raise YolopsError(
            f"{USERNAME} is {said.username}, and there is no password for it", f"set {PASSWORD}, or leave both out"
        )
    # The password of an administrator never travels where anybody could read it.
    if outputs.server_secret_arn and outputs.tracking_uri.startswith("https://"):
        return administrator(Aws(outputs.aws_region), outputs.server_secret_arn)
    return said


def _kept_credentials() -> Credentials:
    try:
        return read_credentials_file(Path.home() / CREDENTIALS_FILE)
    except RuntimeError:  # this user has no home
        return Credentials()


def trust_of(session: Session, outputs: Outputs) -> Trust:
    """Return how the MLflow of a platform is known again.

    Raises:
        YolopsError: a file that was named is not there, or AWS refuses.
    """
    if not outputs.tracking_uri.startswith("https://"):
        return SYSTEM
    place = session.workspace.simulated() if session.rehearsal else session.workspace.state
    trust = trust_in(outputs, Aws(outputs.aws_region), place, named_certificate())
    if trust.file is not None and not trust.file.exists():
        trust.renew()  # a process that is started later cannot do it for itself
    return trust

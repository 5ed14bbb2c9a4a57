"""What only the server of custom mode can be asked for: its users, its backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolops.cli.session import Session
    from yolops.errors import YolopsError
    from yolops.platform.outputs import Outputs
    from yolops.tracking.rest import MlflowRest


def custom_server(
    session: Session, *, local: YolopsError, studio: YolopsError, administrators: bool = False
) -> tuple[MlflowRest, Outputs]:
    """Return what the server is asked with, and its platform; whoever asks is somebody it knows.

    Args:
        session: what was said on the command line.
        local: why it cannot be had on this machine.
        studio: why it cannot be had from managed MLflow.
        administrators: only they can have it.

    Raises:
        YolopsError: one of those, the server does not let us in, or we are no administrator.
    """
    from yolops.errors import YolopsError
    from yolops.platform.outputs import Mode
    from yolops.tracking.users import who_asks

    outputs = session.named_server() or session.platform()
    if outputs is None:
        raise local
    if outputs.mode is Mode.STUDIO:
        raise studio
    rest = session.mlflow(outputs)
    user = who_asks(rest)
    if administrators and not user.admin:
        raise YolopsError(
            f"{user.name} is no administrator of this MLflow, and only they may do this",
            "ask one to do it; who they are: yolops users list",
        )
    return rest, outputs

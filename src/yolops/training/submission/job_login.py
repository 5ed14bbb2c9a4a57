"""The login with which jobs of custom mode enter MLflow: its password is made by Terraform and stays in one secret.

MLflow learns of it here, before the first job, and it may train into the experiment of each job, and no other.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from yolops.errors import YolopsError
from yolops.platform.access import Credentials, kept_login
from yolops.tracking.rest import LoginError, MlflowRest, NotFoundError
from yolops.tracking.users import add_user, find_thing, grant, list_users, set_password, who_asks

if TYPE_CHECKING:
    from yolops.aws import Aws
    from yolops.platform.access import Access
    from yolops.platform.outputs import Outputs

EDIT = "EDIT"


def login_of(aws: Aws, outputs: Outputs) -> Credentials:
    """Return the login of a platform's jobs.

    Raises:
        YolopsError: the platform has none, or AWS refuses.
    """
    if not outputs.training_login_secret_arn:
        raise YolopsError("the platform was applied by an older yolops, and has no login for jobs", "yolops up")
    return kept_login(aws, outputs.training_login_secret_arn)


def ensure_user(rest: MlflowRest, access: Access, login: Credentials) -> None:
    """Make sure that jobs can log in.

    Args:
        rest: MLflow, as the person who submits; only an administrator can let jobs in for the first time.
        access: how it is entered.
        login: of the jobs.

    Raises:
        YolopsError: the user is not there, and we are no administrator.
    """
    try:
        who_asks(MlflowRest(access.tracking_uri, login, trust=access.trust))
    except LoginError:
        if not who_asks(rest).admin:
            raise YolopsError(
                f"MLflow does not know the jobs of this platform yet (user {login.username!r})",
                "let an administrator start the first job; or yolops up, then try again",
            ) from None
        if any(user.name == login.username for user in list_users(rest)):
            set_password(rest, login.username, login.password)  # Terraform has made a new one
        else:
            add_user(rest, login.username, login.password, admin=False)


def let_train(rest: MlflowRest, login: Credentials, experiment: str, model: str) -> None:
    """Let jobs train into an experiment, and register versions of a model that is there already.

    Raises:
        YolopsError: we may not decide that.
    """
    things = [find_thing(rest, experiment=experiment)]
    if model:
        with suppress(NotFoundError):  # the first job that registers it owns it
            things.append(find_thing(rest, model=model))
    grant(rest, login.username, EDIT, things)

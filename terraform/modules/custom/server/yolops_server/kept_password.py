"""The administrator's password is the one that AWS keeps, also where that is another by now.

MLflow takes a password for its administrator when it creates that user, and never again. The secret gets another one
when Terraform's state was lost and the platform is applied again, or when somebody rotates it: then whoever AWS lets in
would be kept out.
"""

from __future__ import annotations

import hmac
import threading
import time
from typing import TYPE_CHECKING, Any

from yolops_server.settings import fetch_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from yolops_server.settings import Secret, Settings

# A guesser makes no more questions to AWS than one in so many seconds.
PAUSE_S = 10.0


class KeptPassword:
    """Checks passwords as a store of MLflow does, and that of the administrator with AWS as well.

    Args:
        store: MLflow's store of users.
        secret: what the secret held when the process started.
        fetch: returns what it holds now.
        clock: tells seconds that only ever grow.
    """

    def __init__(
        self, store: Any, secret: Secret, fetch: Callable[[], Secret], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check, self._update = store.authenticate_user, store.update_user
        self._name, self._kept = secret.admin_username, secret.admin_password
        self._fetch, self._clock = fetch, clock
        self._next = clock()
        self._lock = threading.Lock()

    def authenticate_user(self, username: str, password: str, **options: Any) -> bool:
        """Return whether somebody may enter; an administrator's password that only AWS knows is taken over."""
        if self._check(username, password, **options):
            return True
        if username != self._name or not hmac.compare_digest(password.encode(), self._latest().encode()):
            return False
        self._update(username, password=password)
        return True

    def _latest(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        with self._lock:
            if self._clock() >= self._next:
                self._next = self._clock() + PAUSE_S
                try:
                    self._kept = self._fetch().admin_password
                except (BotoCoreError, ClientError) as error:
                    print(f"the administrator's password cannot be read: {type(error).__name__}", flush=True)
            return self._kept


def install(settings: Settings, secret: Secret) -> None:
    """Have MLflow of this process check passwords this way."""
    from mlflow.server import auth

    store: Any = auth.store
    store.authenticate_user = KeptPassword(store, secret, lambda: fetch_secret(settings)).authenticate_user

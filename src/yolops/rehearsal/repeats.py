"""Does what is asked twice once: a client that lost an answer asks again, and moto would do it again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

# Clients of AWS ask again within seconds.
KEPT = 500


class Repeats:
    """A WSGI application that answers a request it has carried out before as it did then.

    The SDKs of AWS give all attempts of one call the same invocation ID. Under load about one answer in 500 does not
    reach Terraform, whose second attempt then failed on a firewall rule that was there, or gone, already.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html

    Args:
        application: what answers; it must be asked by one at a time.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._answers: OrderedDict[str, tuple[str, list[tuple[str, str]], bytes]] = OrderedDict()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request; what went wrong is tried again."""
        call = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        answer = self._answers.get(call) or self._ask(environ)
        status, headers, body = answer
        if call and status.startswith("2"):
            self._answers[call] = answer
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        start_response(status, headers)
        return [body]

    def _ask(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
            head[:] = status, headers

        body = b"".join(self._application(environ, start_response))
        return head[0], head[1], body

"""A call that a client repeats, because it lost the answer, is carried out once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.rehearsal.conftest import Aws
from yolops.rehearsal.repeats import KEPT, Repeats


class Counter:
    def __init__(self, status: str) -> None:
        self.status = status
        self.asked = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        self.asked += 1
        start_response(self.status, [("X", environ["PATH_INFO"])])
        return [b"%d" % self.asked]


def ask(application: Repeats, invocation: str | None) -> bytes:
    environ = {"PATH_INFO": "/"} | ({} if invocation is None else {"HTTP_AMZ_SDK_INVOCATION_ID": invocation})
    said: list[object] = []
    body = b"".join(application(environ, lambda *head: said.extend(head)))
    assert said[1] == [("X", "/")]
    return body


def test_the_second_attempt_of_a_call_gets_the_answer_of_the_first() -> None:
    application = Repeats(Counter("200 OK"))
    assert [ask(application, name) for name in ("a", "b", "a")] == [b"1", b"2", b"1"]


def test_what_failed_is_tried_again() -> None:
    application = Repeats(Counter("503 Slow Down"))
    assert [ask(application, "a"), ask(application, "a")] == [b"1", b"2"]


def test_a_call_without_an_invocation_is_always_carried_out() -> None:
    application = Repeats(Counter("200 OK"))
    assert [ask(application, None), ask(application, None)] == [b"1", b"2"]


def test_only_the_last_answers_are_kept() -> None:
    application = Repeats(counter := Counter("200 OK"))
    for number in range(KEPT + 1):
        ask(application, str(number))
    ask(application, str(KEPT))
    assert counter.asked == KEPT + 1
    ask(application, "0")
    assert counter.asked == KEPT + 2


def test_a_rule_that_is_asked_for_twice_by_one_call_is_made_once(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    group = ec2.create_security_group(GroupName="twice", Description="x")["GroupId"]
    same = {"amz-sdk-invocation-id": "the same"}
    ec2.meta.events.register("before-send.ec2", lambda request, **_: request.headers.update(same))
    for _ in range(2):
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        assert ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["Return"]

"""AWS as far as a test says what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yolops.aws import AwsError


class FakeAws:
    """Answers each operation as it was told, with pages or with an error; everything else is not there."""

    region = "eu-central-1"

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: dict[str, Any] = {}
        self.waited: list[Any] = []

    def account(self) -> str:
        return "123456789012"

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        self.asked = parameters
        if operation not in self.answers:
            raise AwsError("AWS: not there", "", "ResourceNotFound")
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, service: str) -> FakeAws:
        return self

    def get_waiter(self, name: str) -> FakeAws:
        self.waited.append(name)
        return self

    def wait(self, **parameters: Any) -> None:
        self.waited.append(parameters)
        if "wait" in self.answers:
            raise self.answers["wait"]

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[Any]:
        yield self.call(service, operation, **parameters)

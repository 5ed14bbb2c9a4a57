"""A version of a Roboflow project is found by the key of the environment, which nothing repeats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.datasets.dataset_builder import Builder
from tests.datasets.fetching.server import Answer, content, serving
from tests.datasets.fetching.test_get import packed
from yolops.datasets.fetching.get import get
from yolops.datasets.fetching.roboflow import api_of, archive_of
from yolops.errors import YolopsError

SOURCE = "roboflow:lab/blood-cells/3"
KEY = "geheim+/&"


def says(value: object, status: int = 200) -> Answer:
    return content(json.dumps(value).encode(), status=status)


def test_a_version_is_exported_waited_for_and_fetched(builder: Builder, tmp_path: Path) -> None:
    said: list[str] = []
    with serving(content(packed(builder.root, "zip"))) as store:
        link = f"{store.url}/ds/x?key=also-geheim"
        with serving(says({"progress": 0.25}, 202), says({"export": {"link": link, "format": "yolov8"}})) as api:
            found = archive_of(SOURCE, KEY, api=api.url, say=said.append, wait=lambda _: None)
            assert {path for path, _ in api.asked} == {"/lab/blood-cells/3/yolov8?api_key=geheim%2B%2F%26&nocache=true"}
        assert get(found, tmp_path / "new").names == ("cat", "dog")
    assert said == ["Roboflow makes the archive: 25%"]


@pytest.mark.parametrize(
    "source", ["roboflow:lab/cells", "roboflow:lab/cells/x", "roboflow:../../3", "roboflow:a/b?c/3"]
)
def test_what_names_no_version_is_refused_before_anybody_is_asked(source: str) -> None:
    with pytest.raises(YolopsError, match="names no version"):
        archive_of(source, KEY, api="https://example.invalid")


def test_a_workspace_in_europe_is_asked_for_there_and_no_key_goes_to_a_region_that_is_none() -> None:
    assert (api_of(""), api_of("EU")) == ("https://api.roboflow.com", "https://api.roboflow.eu")
    with pytest.raises(YolopsError, match="no region of Roboflow"):
        api_of("mars")


def test_without_a_key_it_says_where_one_is_set() -> None:
    with pytest.raises(YolopsError) as caught:
        archive_of(SOURCE, "")
    assert "ROBOFLOW_API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        says({"error": "no"}, 401),
        says({"error": "no"}, 404),
        content(b"<html>"),
        says([]),
        says({"export": {"link": 3}}),
        says({"export": {"link": "http://example.com/geheim?key=geheim"}}),
        content(b"{", cut_after=0),
    ],
)
def test_whatever_roboflow_answers_the_key_is_in_no_message(answer: Answer) -> None:
    with serving(answer) as api, pytest.raises(YolopsError) as caught:
        archive_of(SOURCE, KEY, api=api.url, wait=lambda _: None)
    chain: BaseException | None = caught.value
    while chain:
        assert "api_key" not in str(chain)
        assert "key=geheim" not in str(chain)
        chain = chain.__cause__


def test_an_export_that_is_never_ready_is_given_up() -> None:
    with serving(says({"progress": 0.1}, 202)) as api, pytest.raises(YolopsError, match="still makes"):
        archive_of(SOURCE, KEY, api=api.url, wait=lambda _: None)

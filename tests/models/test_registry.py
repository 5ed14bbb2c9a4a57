from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from mlflow.utils.search_utils import SearchModelVersionUtils

from tests.tracking.mlflow_http import FakeMlflow, serving
from yolops.models.registry import list_models, list_versions, version_of_run
from yolops.tracking.rest import MlflowRest, NotFoundError


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with serving() as fake:
        yield fake


def _model(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "last_updated_timestamp": "1500", **more}


def _version(number: int, **more: Any) -> dict[str, Any]:
    return {"name": "cells", "version": str(number), "creation_timestamp": 2500, "run_id": "r" * 32, **more}


def test_models_of_every_page_are_listed_by_name(mlflow: FakeMlflow) -> None:
    aliases = [{"alias": "champion", "version": "1"}, {"alias": "candidate", "version": "2"}]
    mlflow.will_answer(
        "registered-models/search",
        {"registered_models": [_model("tools")], "next_page_token": "more"},
        {"registered_models": [_model("cells", latest_versions=[{"version": "2"}], aliases=aliases)]},
    )
    cells, tools = list_models(MlflowRest(mlflow.uri))
    assert (cells.name, cells.latest, cells.aliases) == ("cells", 2, {"champion": 1, "candidate": 2})
    assert (tools.name, tools.latest, tools.aliases) == ("tools", 0, {})
    assert cells.updated == datetime.fromtimestamp(1.5, UTC)
    assert mlflow.asked[-1].values["page_token"] == "more"


def test_a_registry_without_models_is_an_empty_list(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("registered-models/search", {})
    assert list_models(MlflowRest(mlflow.uri)) == []


def test_versions_are_listed_newest_first_with_aliases_and_metrics(mlflow: FakeMlflow) -> None:
    aliases = [{"alias": "champion", "version": "2"}, {"alias": "best", "version": "2"}]
    mlflow.will_answer("registered-models/get", {"registered_model": _model("cells", aliases=aliases)})
    tags = [{"key": "mAP50", "value": "0.5"}]
    mlflow.will_answer("model-versions/search", {"model_versions": [_version(2, tags=tags), _version(10)]})
    newest, older = list_versions(MlflowRest(mlflow.uri), "cells")
    assert (newest.version, newest.aliases, newest.uri) == (10, (), "models:/cells/10")
    assert (older.aliases, older.tags) == (("champion", "best"), {"mAP50": "0.5"})
    assert older.uri == "models:/cells@champion"
    assert older.as_dict()["uri"] == older.uri


def test_versions_on_later_pages_are_listed_too(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("registered-models/get", {"registered_model": _model("cells")})
    mlflow.will_answer(
        "model-versions/search",
        {"model_versions": [_version(2)], "next_page_token": "more"},
        {"model_versions": [_version(1)]},
    )
    assert [version.version for version in list_versions(MlflowRest(mlflow.uri), "cells")] == [2, 1]


@pytest.mark.parametrize("name", ["cells", "o'brien", 'say "cells"', "a & b"])
def test_mlflow_reads_the_name_that_was_meant_from_the_filter(mlflow: FakeMlflow, name: str) -> None:
    mlflow.will_answer("registered-models/get", {"registered_model": _model(name)})
    mlflow.will_answer("model-versions/search", {})
    assert list_versions(MlflowRest(mlflow.uri), name) == []
    assert mlflow.asked[0].values == {"name": name}
    (comparison,) = SearchModelVersionUtils.parse_search_filter(mlflow.asked[1].values["filter"])
    assert (comparison["key"], comparison["value"]) == ("name", name)


def test_the_version_that_a_run_has_registered_is_found_among_those_of_others(mlflow: FakeMlflow) -> None:
    mlflow.will_answer("registered-models/get", {"registered_model": _model("cells")})
    versions = [_version(3), _version(2, run_id="of mine"), _version(1, run_id="of mine")]
    mlflow.will_answer("model-versions/search", {"model_versions": versions})
    assert version_of_run(MlflowRest(mlflow.uri), "cells", "of mine").version == 2
    with pytest.raises(NotFoundError, match="cells: has no version of the run of nobody"):
        version_of_run(MlflowRest(mlflow.uri), "cells", "of nobody")


def test_a_model_that_does_not_exist_is_not_an_empty_list(mlflow: FakeMlflow) -> None:
    missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Registered Model with name=x not found"}
    mlflow.will_answer("registered-models/get", (404, missing))
    with pytest.raises(NotFoundError, match="name=x not found"):
        list_versions(MlflowRest(mlflow.uri), "x")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import (
    _validate_metric_name,
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_param_name,
    _validate_tag_name,
)

from yolops.errors import UsageError
from yolops.tracking.names import MAX_LENGTH, check_alias, check_name, legal_name, legal_names


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("metrics/mAP50(B)", "metrics/mAP50_B"),
        ("metrics/mAP50-95(B)", "metrics/mAP50-95_B"),
        ("train/box_loss", "train/box_loss"),
        ("per_class/mAP50/étoile", "per_class/mAP50/toile"),
        ("a//b", "a/b"),
        ("../../etc", "etc"),
        ("/absolute", "absolute"),
        ("", "_"),
        ("()", "_"),
        ("細胞", "_"),
    ],
)
def test_a_name_becomes_the_nearest_one_that_mlflow_accepts(given_name: str, expected: str) -> None:
    assert legal_name(given_name) == expected


@given(st.text(max_size=400))
def test_whatever_the_name_mlflow_itself_accepts_the_result(name: str) -> None:
    legal = legal_name(name)
    _validate_metric_name(legal)
    _validate_param_name(legal)
    _validate_tag_name(legal)
    assert len(legal) <= MAX_LENGTH
    assert legal_name(legal) == legal


@given(st.lists(st.text(max_size=5), unique=True, max_size=20))
def test_two_classes_never_share_a_name(names: list[str]) -> None:
    assert len(set(legal_names(names).values())) == len(names)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 101, "a\nb"])
def test_a_run_cannot_be_called_what_a_directory_cannot(name: str) -> None:
    with pytest.raises(UsageError, match="not a name"):
        check_name("--name", name)


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V12", "a b", "a.b", "a/b", "", "a" * 256])
def test_an_alias_that_mlflow_would_refuse_is_refused_before_the_training(alias: str) -> None:
    with pytest.raises(MlflowException):
        _validate_model_alias_name(alias)
        _validate_model_alias_name_reserved(alias)
    with pytest.raises(UsageError, match="not an alias"):
        check_alias("--alias", alias)


@pytest.mark.parametrize("alias", ["champion", "candidate-2", "v1_old", "latest-but-one", "größte"])
def test_an_alias_that_mlflow_takes_is_taken(alias: str) -> None:
    _validate_model_alias_name(alias)
    _validate_model_alias_name_reserved(alias)
    check_alias("--alias", alias)

"""What a person sees in the MLflow UI after a training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS
from tests.e2e.conftest import MICRO, QUICK, Yolops
from yolops.datasets.sample import write_sample


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    root = tmp_path_factory.mktemp("browser")
    write_sample(root / "shapes", images=(16, 8, 4))
    (root / "micro.yaml").write_text(MICRO)
    yolops = Yolops(root)
    train = ("train", "shapes", *QUICK, "--epochs", "2", "--name", "seen", "--register-as", "shapes", "--json")
    result = yolops.ok(*train).json
    yield result | {"url": yolops.ok("status", "--json").json["url"]}
    yolops("down")


def test_the_run_is_listed_in_its_experiment(page: Page, trained: dict[str, Any], tmp_path: Path) -> None:
    page.goto(trained["run_url"])
    page.get_by_role("link", name="Runs").first.click()
    expect(page.get_by_text("seen").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Model registry")).to_be_visible()  # it is opened for training, not for language models
    page.screenshot(path=tmp_path / "runs.png")


def test_the_chart_of_the_map_is_drawn(page: Page, trained: dict[str, Any], tmp_path: Path) -> None:
    run = f"{trained['url']}/#/experiments/{trained['experiment_id']}/runs/{trained['run_id']}"
    page.goto(f"{run}/model-metrics")
    page.get_by_role("searchbox").fill("mAP50_B")
    expect(page.get_by_role("heading", name="mAP50_B").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE_MS)
    page.screenshot(path=tmp_path / "metrics.png")


def test_the_registered_model_shows_its_version_and_alias(page: Page, trained: dict[str, Any], tmp_path: Path) -> None:
    page.goto(f"{trained['url']}/#/models/shapes")
    expect(page.get_by_text("candidate").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Version 1").first).to_be_visible(timeout=PATIENCE_MS)
    page.screenshot(path=tmp_path / "model.png")

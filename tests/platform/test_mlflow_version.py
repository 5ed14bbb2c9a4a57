"""The line that names MLflow's version is changed, and nothing else; versions are compared as numbers."""

from __future__ import annotations

from pathlib import Path

from yolops.platform.configuration import configuration_source
from yolops.platform.mlflow_version import parts, shipped_versions, with_version, write_version


def test_only_the_version_is_changed(tmp_path: Path) -> None:
    before = '# mlflow_version = "1.0.0"\nregion = "x"\n  mlflow_version = "3.16.1" # ours\nother = "3.16.1"\n'
    (tmp_path / "terraform.tfvars").write_text(before)
    write_version(tmp_path / "terraform.tfvars", "3.17.2")
    after = (tmp_path / "terraform.tfvars").read_text()
    assert after == before.replace('"3.16.1" # ours', '"3.17.2" # ours')
    assert [file.name for file in tmp_path.iterdir()] == ["terraform.tfvars"]


def test_settings_that_name_none_get_a_line() -> None:
    assert with_version('region = "x"', "3.17.2") == 'region = "x"\nmlflow_version = "3.17.2"\n'


def test_versions_are_sorted_by_their_numbers(tmp_path: Path) -> None:
    locks = tmp_path / "modules/custom/server"
    locks.mkdir(parents=True)
    for version in ("3.9.0", "3.10.1", "3.10.0"):
        (locks / f"requirements-{version}.txt").touch()
    assert shipped_versions(tmp_path) == ["3.9.0", "3.10.0", "3.10.1"]
    assert parts("3.10.0") > parts("3.9.9")


def test_the_default_of_the_configuration_is_a_version_that_it_ships() -> None:
    configuration = configuration_source()
    for file in ("variables.tf", "modules/custom/variables.tf"):
        [default] = (
            (configuration / file).read_text().split('variable "mlflow_version"')[1].split('default     = "')[1:2]
        )
        assert default.split('"')[0] == shipped_versions(configuration)[-1]

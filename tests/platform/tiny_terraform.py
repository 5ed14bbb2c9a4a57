"""A configuration that Terraform applies without a provider, and the terraform that runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.terraform.installation import binary
from yolops.platform.terraform import Terraform

MAIN = """\
variable "seconds" {
  type    = number
  default = 0
}

variable "name" {
  type    = string
  default = "cells"
  validation {
    condition     = length(var.name) < 10
    error_message = "That name is too long."
  }
}

resource "terraform_data" "first" {
  input = var.name
}

resource "terraform_data" "slow" {
  input = terraform_data.first.output
  provisioner "local-exec" {
    command = "touch ${path.module}/begun; sleep ${var.seconds}"
  }
}

resource "terraform_data" "last" {
  input = terraform_data.slow.output
}

output "name" {
  value = terraform_data.last.output
}
"""

# The same resource in a module that is called twice, with instances by number and by name.
SEVERAL = """\
variable "seconds" {
  type    = number
  default = 0
}

module "inner" {
  source = "./modules/inner"
  count  = 2
}

resource "terraform_data" "last" {
  count = 1
  input = module.inner[*].ids
}
"""
INNER = """\
resource "terraform_data" "one" {
  triggers_replace = { "of any" = "type" }
}

resource "terraform_data" "each" {
  for_each = toset(["a.b [x]", "c"])
  input    = terraform_data.one.id
}

output "ids" {
  value = values(terraform_data.each)[*].id
}
"""


def terraform_path() -> str:
    """Return the terraform of this machine; `make test` installs one where there is none."""
    found = binary(os.environ)
    if found is None:
        pytest.skip("terraform is not installed; `make test` installs it")
    return found


def tiny(root: Path) -> Terraform:
    """Return terraform in a directory with the small configuration."""
    (root / "main.tf").write_text(MAIN, encoding="utf-8")
    return Terraform(terraform_path(), root, root / ".yolops" / "terraform", say=lambda _: None)


def several(root: Path) -> Terraform:
    """Return terraform in a directory with modules and instances."""
    (root / "modules" / "inner").mkdir(parents=True)
    (root / "modules" / "inner" / "main.tf").write_text(INNER, encoding="utf-8")
    terraform = tiny(root)
    (root / "main.tf").write_text(SEVERAL, encoding="utf-8")
    return terraform

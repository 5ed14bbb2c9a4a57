# Runs are kept on the server of a mode (database or managed MLflow), so switching the mode or destroying the platform
# would lose them. Both are refused until the runs were moved or the user gave them up.

# What is deployed now. It is read from the account and not from the state, so it also holds in a checkout that has
# lost its state file. Empty before the first apply.
data "aws_ssm_parameters_by_path" "platform" {
  path = "/${var.project_name}"
}

locals {
  deployed = zipmap(
    data.aws_ssm_parameters_by_path.platform.names,
    nonsensitive(data.aws_ssm_parameters_by_path.platform.values),
  )
  deployed_mode = lookup(local.deployed, "/${var.project_name}/mode", var.deployment_mode)
  migrated      = lookup(local.deployed, "/${var.project_name}/migrated", "")
  unprotected   = lookup(local.deployed, "/${var.project_name}/runs", "") == "may go"

  # Another kind of managed MLflow is another, empty one.
  deployed_mlflow = lookup(local.deployed, "/${var.project_name}/studio_mlflow", "none")

  switching   = local.deployed_mode != var.deployment_mode
  runs_may_go = var.discard_runs || startswith(local.migrated, "${var.deployment_mode}->")
}

# No parameter here has an `insecure_value`: after an import, provider 5.100 would change it in every apply.
resource "aws_ssm_parameter" "mode" {
  #checkov:skip=CKV2_AWS_34:the name of the mode is no secret
  #checkov:skip=CKV_AWS_337:as above
  name        = "/${var.project_name}/mode"
  description = "Deployment mode of ${var.project_name}"
  type        = "String"
  value       = var.deployment_mode

  lifecycle {
    precondition {
      condition = (
        !local.switching || var.discard_runs || local.migrated == "${local.deployed_mode}->${var.deployment_mode}"
      )
      error_message = "The ${local.deployed_mode} platform of ${var.project_name} still holds runs: move them with `yolops migrate --to ${var.deployment_mode}` (from a later version on), or set discard_runs = true in terraform.tfvars to lose them"
    }

    precondition {
      condition     = !local.switching || local.deployed_mode != "custom" || local.unprotected
      error_message = "The database of ${var.project_name} is still protected against deletion: run `terraform apply` once with deployment_mode = \"custom\" (with discard_runs = true, or after `yolops migrate`), then switch"
    }
  }
}

resource "aws_ssm_parameter" "studio_mlflow" {
  #checkov:skip=CKV2_AWS_34:the kind of MLflow is no secret
  #checkov:skip=CKV_AWS_337:as above
  name        = "/${var.project_name}/studio_mlflow"
  description = "Kind of the managed MLflow of ${var.project_name}"
  type        = "String"
  value       = var.deployment_mode == "studio" ? var.studio_mlflow : "none"

  lifecycle {
    precondition {
      condition = (
        var.deployment_mode != "studio" || contains(["none", var.studio_mlflow], local.deployed_mlflow) || var.discard_runs
      )
      error_message = "The managed MLflow of ${var.project_name} (studio_mlflow = \"${local.deployed_mlflow}\") still holds runs, and \"${var.studio_mlflow}\" would be a new, empty one: leave studio_mlflow as it is, or set discard_runs = true in terraform.tfvars to lose them"
    }
  }
}

# Will be written by `yolops migrate` as "FROM->TO" once every run is proved to be on the other side. A switch makes it
# anew, so that an old move does not excuse a later one.
resource "aws_ssm_parameter" "migrated" {
  #checkov:skip=CKV2_AWS_34:two names of modes are no secret
  #checkov:skip=CKV_AWS_337:as above
  name        = "/${var.project_name}/migrated"
  description = "Which move of the runs of ${var.project_name} is complete"
  type        = "String"
  value       = "none"

  lifecycle {
    ignore_changes       = [value]
    replace_triggered_by = [aws_ssm_parameter.mode.value]
  }
}

resource "aws_ssm_parameter" "runs" {
  #checkov:skip=CKV2_AWS_34:one of two words, no secret
  #checkov:skip=CKV_AWS_337:as above
  name        = "/${var.project_name}/runs"
  description = "Whether the runs of ${var.project_name} are protected"
  type        = "String"
  value       = local.runs_may_go ? "may go" : "protected"

  depends_on = [module.custom]
}

# Depends on everything, so it is the first thing that `terraform destroy` takes away: when that is refused, all stands.
resource "terraform_data" "runs" {
  input            = { discard = local.runs_may_go, project = var.project_name }
  triggers_replace = [var.project_name, var.aws_region] # another name or region is another platform

  provisioner "local-exec" {
    when    = destroy
    command = self.output.discard ? "true" : "echo 'The platform of ${self.output.project} still holds runs: move them with `yolops migrate` (from a later version on), or set discard_runs = true in terraform.tfvars to lose them, run terraform apply, then destroy' >&2; exit 1"
  }

  depends_on = [
    module.network, module.storage, module.training, module.custom, module.studio, module.observability,
    aws_ssm_parameter.mode, aws_ssm_parameter.studio_mlflow, aws_ssm_parameter.migrated, aws_ssm_parameter.runs,
  ]
}

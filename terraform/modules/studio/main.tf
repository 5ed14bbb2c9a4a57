# What several files of this module need to know.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# CloudFormation's resources are not reached by the provider's default tags, so they get the same ones by hand.
data "aws_default_tags" "current" {}

locals {
  region     = data.aws_region.current.id
  account    = data.aws_caller_identity.current.account_id
  arn_prefix = "arn:${data.aws_partition.current.partition}:sagemaker:${local.region}:${local.account}"
  kms_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn

  mlflow_ui_url = "https://${local.region}.console.aws.amazon.com/sagemaker/home?region=${local.region}#/studio-landing"

  # The two kinds of app, and how their spaces are called.
  apps   = { JupyterLab = "jupyterlab", CodeEditor = "code-editor" }
  wanted = { JupyterLab = var.enable_studio_jupyter_server, CodeEditor = var.enable_studio_code_editor }
}


# What several files of this module need to know.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# The provider tags what it creates itself; volumes and what auto scaling starts are tagged by hand with the same tags.
data "aws_default_tags" "current" {}

locals {
  name       = "${var.project_name}-mlflow"
  region     = data.aws_region.current.id
  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  kms_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn

  port        = 5000
  tags        = merge(data.aws_default_tags.current.tags, { Name = local.name, Service = "mlflow" })
  single      = var.high_availability ? {} : { server = true }
  balanced    = var.high_availability ? { server = true } : {}
  public_host = var.high_availability ? aws_lb.server["public"].dns_name : aws_eip.server["server"].public_ip
}

resource "aws_cloudwatch_log_group" "server" {
  #checkov:skip=CKV_AWS_338:90 days cover the search for a fault; runs and models are kept in MLflow, not in logs
  name              = "/${var.project_name}/mlflow"
  retention_in_days = 90
  kms_key_id        = local.kms_key_id
}

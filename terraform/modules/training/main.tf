# What several files of this module need to know, and the firewall of training jobs.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name      = "${var.project_name}-training"
  region    = data.aws_region.current.id
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  # SageMaker writes every training job of an account to this one log group; a stream is named after its job.
  log_group = "/aws/sagemaker/TrainingJobs"
}

resource "aws_security_group" "training" {
  #checkov:skip=CKV2_AWS_5:training jobs attach it when they start
  name        = local.name
  description = "Training jobs of ${var.project_name}: nobody reaches them"
  vpc_id      = var.vpc_id
  tags        = { Name = local.name }
}

resource "aws_vpc_security_group_egress_rule" "vpc" {
  security_group_id = aws_security_group.training.id
  description       = "MLflow and endpoints inside the VPC"
  ip_protocol       = "tcp"
  from_port         = 0
  to_port           = 65535
  cidr_ipv4         = var.vpc_cidr
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.training.id
  description       = "S3 through its gateway endpoint; private subnets have no other way out"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

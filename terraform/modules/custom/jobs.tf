# How training jobs enter MLflow: a login of their own, and a way to it out of subnets that lead nowhere.

resource "aws_secretsmanager_secret" "jobs" {
  #checkov:skip=CKV2_AWS_57:rotation needs a function inside the VPC; the next job tells MLflow of a changed password
  name_prefix             = "${local.name}-jobs-"
  description             = "Login of the training jobs of ${var.project_name} to MLflow"
  kms_key_id              = local.kms_key_id
  recovery_window_in_days = var.discard_runs ? 0 : 30
}

resource "aws_secretsmanager_secret_version" "jobs" {
  secret_id = aws_secretsmanager_secret.jobs.id
  secret_string_wo = jsonencode({
    username = "training-jobs"
    password = ephemeral.aws_secretsmanager_random_password.server["jobs"].random_password
  })
  secret_string_wo_version = local.secret_version
}

resource "aws_security_group" "secrets" {
  name        = "${local.name}-secrets"
  description = "Private way of training jobs of ${var.project_name} to their login"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.name}-secrets" }
}

resource "aws_vpc_security_group_ingress_rule" "secrets" {
  security_group_id            = aws_security_group.secrets.id
  description                  = "Training jobs"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = var.training_security_group_id
}

data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.jobs.arn]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account]
    }
  }
}

# Without the service's own name: it would lead the servers here as well, which have a shorter way. Jobs are told the
# endpoint's. In one subnet: reached from the others as well, at half the price of two.
resource "aws_vpc_endpoint" "secrets" {
  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${local.region}.secretsmanager"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [var.private_subnet_ids[0]]
  security_group_ids  = [aws_security_group.secrets.id]
  private_dns_enabled = false
  policy              = data.aws_iam_policy_document.secrets.json
  tags                = { Name = "${local.name}-secrets" }
}

# Training jobs run in private subnets without a way to the internet: this endpoint is their way to MLflow.

locals {
  # An app and a tracking server answer under different names, each with an endpoint service of its own.
  endpoint_service = var.studio_mlflow == "app" ? "mlflow" : "experiments"
}

resource "aws_security_group" "endpoint" {
  name        = "${local.mlflow_name}-endpoint"
  description = "Private way of training jobs of ${var.project_name} to MLflow"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.mlflow_name}-endpoint" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoint" {
  security_group_id            = aws_security_group.endpoint.id
  description                  = "Training jobs"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = var.training_security_group_id
}

data "aws_iam_policy_document" "endpoint" {
  statement {
    actions   = local.tracking_actions
    resources = [local.mlflow_arn]
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

# In one subnet: reached from the others of the VPC as well, at half the price of two.
resource "aws_vpc_endpoint" "mlflow" {
  vpc_id              = var.vpc_id
  service_name        = "aws.sagemaker.${local.region}.${local.endpoint_service}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [var.private_subnet_ids[0]]
  security_group_ids  = [aws_security_group.endpoint.id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.endpoint.json
  tags                = { Name = local.mlflow_name }
}

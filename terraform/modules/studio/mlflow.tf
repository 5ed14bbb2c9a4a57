# Managed MLflow, in one of two kinds. Changing studio_mlflow makes a new, empty one.

locals {
  mlflow_name = "${var.project_name}-mlflow"
  artifacts   = "s3://${var.bucket_name}/mlflow/artifacts"
  app         = var.studio_mlflow == "app" ? { mlflow = true } : {}
  server      = var.studio_mlflow == "tracking_server" ? { mlflow = true } : {}
  mlflow_arn = one(concat(
    [for stack in aws_cloudformation_stack.mlflow : stack.outputs["Arn"]],
    [for server in aws_sagemaker_mlflow_tracking_server.mlflow : server.arn],
  ))
}

# Provider 5.100 has no resource for an MLflow app, CloudFormation has.
resource "aws_cloudformation_stack" "mlflow" {
  #checkov:skip=CKV_AWS_124:terraform waits for the stack and shows what failed
  for_each = local.app

  name               = local.mlflow_name
  on_failure         = "DELETE"
  timeout_in_minutes = 30
  template_body = jsonencode({
    AWSTemplateFormatVersion = "2010-09-09"
    Description              = "MLflow of ${var.project_name}"
    Resources = {
      App = {
        Type = "AWS::SageMaker::MlflowApp"
        Properties = {
          Name                  = local.mlflow_name
          ArtifactStoreUri      = local.artifacts
          RoleArn               = aws_iam_role.mlflow.arn
          ModelRegistrationMode = "AutoModelRegistrationDisabled"
          Tags                  = [for key, value in data.aws_default_tags.current.tags : { Key = key, Value = value }]
        }
      }
    }
    Outputs = { Arn = { Value = { "Fn::GetAtt" = ["App", "Arn"] } } }
  })

  depends_on = [aws_iam_role_policy.mlflow]

  lifecycle {
    ignore_changes = [on_failure] # unknown after an import: the MLflow and its runs would be made anew
  }
}

# The provider waits for it as long as it takes, 30 minutes at most.
resource "aws_sagemaker_mlflow_tracking_server" "mlflow" {
  for_each = local.server

  tracking_server_name         = local.mlflow_name
  tracking_server_size         = "Small"
  artifact_store_uri           = local.artifacts
  role_arn                     = aws_iam_role.mlflow.arn
  automatic_model_registration = false

  depends_on = [aws_iam_role_policy.mlflow]
}

data "aws_iam_policy_document" "sagemaker_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "mlflow" {
  statement {
    sid       = "ListArtifacts"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["mlflow", "mlflow/*"]
    }
  }

  statement {
    sid = "Artifacts"
    actions = [
      "s3:AbortMultipartUpload",
      "s3:DeleteObject",
      "s3:GetObject",
      "s3:ListMultipartUploadParts",
      "s3:PutObject",
    ]
    resources = ["${var.bucket_arn}/mlflow/*"]
  }

  dynamic "statement" {
    for_each = local.kms_key_id == null ? [] : [local.kms_key_id]
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "mlflow" {
  name               = local.mlflow_name
  description        = "Managed MLflow of ${var.project_name}: its artifacts"
  assume_role_policy = data.aws_iam_policy_document.sagemaker_trust.json
}

resource "aws_iam_role_policy" "mlflow" {
  name   = "artifacts"
  role   = aws_iam_role.mlflow.id
  policy = data.aws_iam_policy_document.mlflow.json
}

# What the server may do in AWS.

data "aws_iam_policy_document" "server_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "server" {
  statement {
    sid       = "ListArtifacts"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["mlflow", "mlflow/*", "backups/*"]
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
    # Backups hold what everybody did, and who may log in: jobs reach mlflow/, and nobody else backups/.
    resources = ["${var.bucket_arn}/mlflow/*", "${var.bucket_arn}/backups/*"]
  }

  # A backup names the versions of the artifacts, and a restore makes them current again.
  statement {
    sid       = "ListVersionsOfArtifacts"
    actions   = ["s3:ListBucketVersions"]
    resources = [var.bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["mlflow/artifacts/*"]
    }
  }

  statement {
    sid       = "VersionsOfArtifacts"
    actions   = ["s3:GetObjectVersion"]
    resources = ["${var.bucket_arn}/mlflow/artifacts/*"]
  }

  statement {
    sid       = "Secret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.server.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.server.arn}:*"]
  }

  dynamic "statement" {
    for_each = local.kms_key_id == null ? [] : [local.kms_key_id]
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.admin_access == "ssm" ? ["ssm"] : []
    content {
      sid       = "SessionManagerAgent"
      actions   = ["ssm:UpdateInstanceInformation"]
      resources = ["arn:${local.partition}:ec2:${local.region}:${local.account}:instance/*"]
    }
  }

  dynamic "statement" {
    for_each = var.admin_access == "ssm" ? ["ssm"] : []
    content {
      sid = "SessionManagerChannels"
      actions = [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      resources = ["*"] # these actions support no resource
    }
  }
}

resource "aws_iam_role" "server" {
  name               = "${local.name}-server"
  description        = "MLflow server of ${var.project_name}"
  assume_role_policy = data.aws_iam_policy_document.server_trust.json
}

resource "aws_iam_role_policy" "server" {
  name   = "server"
  role   = aws_iam_role.server.id
  policy = data.aws_iam_policy_document.server.json
}

resource "aws_iam_instance_profile" "server" {
  name = "${local.name}-server"
  role = aws_iam_role.server.name
}

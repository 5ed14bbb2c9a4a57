# What a training job may do.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }

    # Keeps other accounts from making SageMaker use this role for them.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "training" {
  name               = local.name
  description        = "Training jobs of ${var.project_name}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "training" {
  #checkov:skip=CKV_AWS_356:only actions that support no resource stand on *
  #checkov:skip=CKV_AWS_111:as above
  statement {
    sid       = "ListOwnPrefixes"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = concat(["datasets/*", "jobs/*"], local.artifacts)
    }
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for key in concat(["datasets/*", "jobs/*"], local.artifacts, local.certificate) : "${var.bucket_arn}/${key}"]
  }

  statement {
    sid       = "Write"
    actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
    resources = [for key in concat(["jobs/*"], local.artifacts) : "${var.bucket_arn}/${key}"]
  }

  statement {
    sid       = "LogIntoOwnStreams"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.log_group}:log-stream:${var.project_name}-*"]
  }

  statement {
    sid       = "LogGroup"
    actions   = ["logs:CreateLogGroup", "logs:DescribeLogStreams"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.log_group}:*"]
  }

  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"] # supports no resource

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/TrainingJobs"]
    }
  }

  statement {
    sid     = "Image"
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [
      aws_ecr_repository.training.arn,
      local.aws_images,
    ]
  }

  statement {
    sid       = "ImageLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # supports no resource
  }

  statement {
    sid = "LookAtNetwork"
    actions = [
      "ec2:DescribeDhcpOptions",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcs",
    ]
    resources = ["*"] # support no resource
  }

  statement {
    sid     = "JoinNetwork"
    actions = ["ec2:CreateNetworkInterface"]
    resources = concat(
      ["${local.ec2}:network-interface/*", "${local.ec2}:security-group/${aws_security_group.training.id}"],
      [for id in var.private_subnet_ids : "${local.ec2}:subnet/${id}"],
    )
  }

  statement {
    sid = "KeepNetworkInterface"
    actions = [
      "ec2:CreateNetworkInterfacePermission",
      "ec2:DeleteNetworkInterface",
      "ec2:DeleteNetworkInterfacePermission",
    ]
    resources = ["${local.ec2}:network-interface/*"]

    condition {
      test     = "ArnEquals"
      variable = "ec2:Vpc"
      values   = ["${local.ec2}:vpc/${var.vpc_id}"]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "KeyForDisks"
      actions   = ["kms:CreateGrant"]
      resources = [statement.value]

      condition {
        test     = "Bool"
        variable = "kms:GrantIsForAWSResource"
        values   = ["true"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.login_secret_arns) == 0 ? [] : [var.login_secret_arns]

    content {
      sid       = "Login"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.tracking_statement_arns) == 0 ? [] : [var.tracking_statement_arns]

    content {
      sid       = "Track"
      actions   = local.tracking_actions
      resources = statement.value
    }
  }
}

locals {
  # Managed MLflow has its clients bring artifacts to the bucket. A server of one's own brings them itself, as far as who
  # asks may: with a way around it a job could put another model into anybody's run.
  managed   = length(var.tracking_statement_arns) > 0
  artifacts = local.managed ? ["mlflow/artifacts/*"] : []
  # By which jobs know that server again. Who could write it would be taken for the server.
  certificate = local.managed ? [] : ["mlflow/server/ca.pem"]

  ec2 = "arn:${local.partition}:ec2:${local.region}:${local.account}"

  # What a run calls, from its first metric to the alias of its model; nothing that deletes a run or a model.
  # An app has one action for all of that.
  tracking_app = anytrue([for arn in var.tracking_statement_arns : strcontains(arn, ":mlflow-app/")])
  tracking_actions = local.tracking_app ? ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp"] : concat(
    ["sagemaker:DescribeMlflowTrackingServer"],
    [for action in [
      "CreateExperiment", "CreateModelVersion", "CreateRegisteredModel", "CreateRun", "DeleteTag",
      "FinalizeLoggedModel", "GetDownloadURIForModelVersionArtifacts", "GetExperiment", "GetExperimentByName",
      "GetLoggedModel", "GetMetricHistory", "GetModelVersion", "GetModelVersionByAlias", "GetRegisteredModel", "GetRun",
      "ListArtifacts", "ListLoggedModelArtifacts", "LogBatch", "LogInputs", "LogLoggedModelParams", "LogMetric",
      "LogModel", "LogOutputs", "LogParam", "SearchExperiments", "SearchLoggedModels", "SearchModelVersions",
      "SearchRegisteredModels", "SearchRuns", "SetExperimentTag", "SetLoggedModelTags", "SetModelVersionTag",
      "SetRegisteredModelAlias", "SetRegisteredModelTag", "SetTag", "UpdateModelVersion", "UpdateRun",
    ] : "sagemaker-mlflow:${action}"],
  )
}

resource "aws_iam_role_policy" "training" {
  name   = "training"
  role   = aws_iam_role.training.id
  policy = data.aws_iam_policy_document.training.json
}

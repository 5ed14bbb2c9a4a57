# What Studio users may do: open their spaces, read and write data, start this project's training jobs and searches,
# use its MLflow.

locals {
  prefixes  = ["datasets", "jobs", "mlflow"]
  domain_id = aws_sagemaker_domain.studio.id
  # Written by Studio itself and shared by every domain of the account, so it is neither made nor removed here.
  studio_log_group = "/aws/sagemaker/studio"
  log_arn          = "arn:${data.aws_partition.current.partition}:logs:${local.region}:${local.account}:log-group"

  # An app has one action for its whole interface; a tracking server has one for each call.
  tracking_actions = var.studio_mlflow == "app" ? ["sagemaker:CallMlflowAppApi"] : [
    for action in local.server_actions : "sagemaker-mlflow:${action}"
  ]
  ui_actions = var.studio_mlflow == "app" ? ["CreatePresignedMlflowAppUrl", "DescribeMlflowApp"] : [
    "CreatePresignedMlflowTrackingServerUrl", "DescribeMlflowTrackingServer",
  ]
  server_actions = [
    "CreateExperiment", "CreateModelVersion", "CreateRegisteredModel", "CreateRun", "DeleteExperiment",
    "DeleteLoggedModel", "DeleteLoggedModelTag", "DeleteModelVersion", "DeleteModelVersionTag", "DeleteRegisteredModel",
    "DeleteRegisteredModelAlias", "DeleteRegisteredModelTag", "DeleteRun", "DeleteTag", "FinalizeLoggedModel",
    "GetDownloadURIForModelVersionArtifacts", "GetExperiment", "GetExperimentByName", "GetLatestModelVersions",
    "GetLoggedModel", "GetMetricHistory", "GetModelVersion", "GetModelVersionByAlias", "GetRegisteredModel", "GetRun",
    "ListArtifacts", "ListLoggedModelArtifacts", "LogBatch", "LogInputs", "LogLoggedModelParams", "LogMetric", "LogModel",
    "LogOutputs", "LogParam", "RenameRegisteredModel", "RestoreExperiment", "RestoreRun", "SearchExperiments",
    "SearchLoggedModels", "SearchModelVersions", "SearchRegisteredModels", "SearchRuns", "SetExperimentTag",
    "SetLoggedModelTags", "SetModelVersionTag", "SetRegisteredModelAlias", "SetRegisteredModelTag", "SetTag",
    "TransitionModelVersionStage", "UpdateExperiment", "UpdateModelVersion", "UpdateRegisteredModel", "UpdateRun",
  ]
}

data "aws_iam_policy_document" "user" {
  statement {
    sid = "StudioLists"
    actions = [
      "sagemaker:ListApps",
      "sagemaker:ListDomains",
      "sagemaker:ListHyperParameterTuningJobs",
      "sagemaker:ListMlflowApps",
      "sagemaker:ListMlflowTrackingServers",
      "sagemaker:ListSpaces",
      "sagemaker:ListStudioLifecycleConfigs",
      "sagemaker:ListTrainingJobs",
      "sagemaker:ListUserProfiles",
    ]
    resources = ["*"] # lists support no resource
  }

  statement {
    sid       = "Studio"
    actions   = ["sagemaker:DescribeDomain"]
    resources = [aws_sagemaker_domain.studio.arn]
  }

  statement {
    sid       = "Profiles"
    actions   = ["sagemaker:CreatePresignedDomainUrl", "sagemaker:DescribeUserProfile"]
    resources = ["${local.arn_prefix}:user-profile/${local.domain_id}/*"]
  }

  # Spaces are made and removed by Terraform, so that a destroy leaves none behind.
  statement {
    sid       = "Spaces"
    actions   = ["sagemaker:DescribeSpace", "sagemaker:UpdateSpace"]
    resources = ["${local.arn_prefix}:space/${local.domain_id}/*"]
  }

  statement {
    sid = "Apps"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateApp",
      "sagemaker:DeleteApp",
      "sagemaker:DescribeApp",
      "sagemaker:ListTags",
    ]
    resources = ["${local.arn_prefix}:app/${local.domain_id}/*"]
  }

  statement {
    sid       = "StartScripts"
    actions   = ["sagemaker:DescribeStudioLifecycleConfig"]
    resources = ["${local.arn_prefix}:studio-lifecycle-config/${var.project_name}-*"]
  }

  statement {
    sid = "TrainingJobs"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateTrainingJob",
      "sagemaker:DescribeTrainingJob",
      "sagemaker:ListTags",
      "sagemaker:StopTrainingJob",
    ]
    resources = ["${local.arn_prefix}:training-job/${var.project_name}-*"]
  }

  statement {
    sid = "Searches"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateHyperParameterTuningJob",
      "sagemaker:DescribeHyperParameterTuningJob",
      "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
      "sagemaker:StopHyperParameterTuningJob",
    ]
    resources = ["${local.arn_prefix}:hyper-parameter-tuning-job/${var.project_name}-*"]
  }

  # What a job is looked at for before it costs anything.
  statement {
    sid = "LookBeforeJobs"
    actions = [
      "ec2:DescribeRouteTables",
      "ec2:DescribeVpcEndpoints",
      "pricing:GetProducts",
      "servicequotas:ListServiceQuotas",
    ]
    resources = ["*"] # none of them supports a resource
  }

  statement {
    sid       = "LookAtImages"
    actions   = ["ecr:DescribeImages"]
    resources = var.training_image_arns
  }

  statement {
    sid       = "LookAtTrainingRole"
    actions   = ["iam:GetRole"]
    resources = [var.training_role_arn]
  }

  statement {
    sid       = "PassTrainingRole"
    actions   = ["iam:PassRole"]
    resources = [var.training_role_arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }

  statement {
    sid       = "ListData"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = flatten([for prefix in local.prefixes : [prefix, "${prefix}/*"]])
    }
  }

  statement {
    sid = "Data"
    actions = [
      "s3:AbortMultipartUpload",
      "s3:DeleteObject",
      "s3:GetObject",
      "s3:ListMultipartUploadParts",
      "s3:PutObject",
    ]
    resources = [for prefix in local.prefixes : "${var.bucket_arn}/${prefix}/*"]
  }

  statement {
    sid       = "SpaceFiles"
    actions   = ["s3:GetObject"]
    resources = ["${var.bucket_arn}/studio/*"]
  }

  statement {
    sid       = "Tracking"
    actions   = concat(local.tracking_actions, [for action in local.ui_actions : "sagemaker:${action}"])
    resources = [local.mlflow_arn]
  }

  statement {
    sid       = "StudioLogGroup"
    actions   = ["logs:CreateLogGroup"]
    resources = ["${local.log_arn}:${local.studio_log_group}:*"]
  }

  statement {
    sid       = "StudioLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_arn}:${local.studio_log_group}:log-stream:${local.domain_id}/*"]
  }

  statement {
    sid       = "TrainingLogStreams"
    actions   = ["logs:DescribeLogStreams"]
    resources = ["${local.log_arn}:/aws/sagemaker/TrainingJobs:*"]
  }

  statement {
    sid       = "TrainingLog"
    actions   = ["logs:GetLogEvents"]
    resources = ["${local.log_arn}:/aws/sagemaker/TrainingJobs:log-stream:${var.project_name}-*"]
  }

  dynamic "statement" {
    for_each = var.studio_mlflow == "app" ? [] : ["ui"]
    content {
      sid       = "TrackingPage"
      actions   = ["sagemaker-mlflow:AccessUI"]
      resources = ["*"] # supports no resource
    }
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

resource "aws_iam_role" "user" {
  name               = "${var.project_name}-studio-user"
  description        = "Studio users of ${var.project_name}"
  assume_role_policy = data.aws_iam_policy_document.sagemaker_trust.json
}

resource "aws_iam_role_policy" "user" {
  name   = "studio-user"
  role   = aws_iam_role.user.id
  policy = data.aws_iam_policy_document.user.json
}

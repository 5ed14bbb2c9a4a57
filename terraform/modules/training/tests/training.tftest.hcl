# Policies are made by the provider itself without a call to AWS, so the real one makes them here; no resource
# is made in AWS, each is overridden.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_resource {
  target = aws_ecr_repository.training
  values = { arn = "arn:aws:ecr:eu-central-1:123456789012:repository/yolo-training" }
}

override_resource {
  target = aws_security_group.training
  values = { id = "sg-training" }
}

override_resource {
  target = aws_iam_openid_connect_provider.github
  values = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
}

override_resource {
  target = aws_iam_policy.deploy
  values = { arn = "arn:aws:iam::123456789012:policy/yolo-deploy" }
}

override_resource {
  target = aws_ecr_lifecycle_policy.training
}

override_resource {
  target = aws_iam_role.training
}

override_resource {
  target = aws_iam_role_policy.training
}

override_resource {
  target = aws_iam_role.deploy
}

override_resource {
  target = aws_iam_role_policy_attachment.deploy
}

override_resource {
  target = aws_vpc_security_group_egress_rule.vpc
}

override_resource {
  target = aws_vpc_security_group_egress_rule.https
}

variables {
  project_name       = "yolo"
  bucket_name        = "yolo-123456789012-eu-central-1"
  bucket_arn         = "arn:aws:s3:::yolo-123456789012-eu-central-1"
  vpc_id             = "vpc-0a1b2c3d"
  vpc_cidr           = "10.20.0.0/16"
  private_subnet_ids = ["subnet-3", "subnet-4"]
}

run "lets_a_job_do_what_training_needs_and_no_more" {
  command = apply

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.training.json, "sagemaker-mlflow:") && !strcontains(data.aws_iam_policy_document.training.json, "kms:")
    error_message = "nothing about managed MLflow or keys where there is none"
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.training.json, "PassRole")
    error_message = "a job hands no role on"
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(data.aws_iam_policy_document.training.json).Statement :
      !contains(flatten([statement.Action]), "*") && length([for action in flatten([statement.Action]) : action if endswith(action, "*")]) == 0
    ])
    error_message = "no action is a pattern"
  }

  assert {
    condition = toset([
      for statement in jsondecode(data.aws_iam_policy_document.training.json).Statement : statement.Sid
      if contains(flatten([statement.Resource]), "*")
    ]) == toset(["Metrics", "ImageLogin", "LookAtNetwork"])
    error_message = "only actions that support no resource stand on all of them"
  }

  assert {
    condition = one([
      for statement in jsondecode(data.aws_iam_policy_document.training.json).Statement : statement.Resource if statement.Sid == "Write"
    ]) == "${var.bucket_arn}/jobs/*"
    error_message = "a job can overwrite neither a dataset, nor the certificate of the server, nor what is in its MLflow"
  }

  assert {
    condition     = jsondecode(data.aws_iam_policy_document.trust.json).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "only this account's SageMaker may use the role"
  }

  assert {
    condition     = aws_ecr_repository.training.image_tag_mutability == "IMMUTABLE" && one(aws_ecr_repository.training.image_scanning_configuration).scan_on_push
    error_message = "an image is scanned, and what a tag names cannot change"
  }

  assert {
    condition     = length(aws_iam_role.deploy) + length(aws_iam_policy.deploy) == 0 && output.deploy_role_arn == null
    error_message = "nobody may deploy from GitHub unless a repository is named"
  }
}

run "lets_a_job_log_to_the_managed_mlflow_and_use_the_key" {
  command = apply

  variables {
    tracking_statement_arns = ["arn:aws:sagemaker:eu-central-1:123456789012:mlflow-app/app-1"]
    kms_key_arn             = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
  }

  assert {
    condition = one([
      for statement in jsondecode(data.aws_iam_policy_document.training.json).Statement : statement.Resource if statement.Sid == "Track"
    ]) == var.tracking_statement_arns[0]
    error_message = "a job logs to this MLflow only"
  }

  assert {
    condition = toset(one([
      for statement in jsondecode(data.aws_iam_policy_document.training.json).Statement : statement.Resource if statement.Sid == "Write"
    ])) == toset([for prefix in ["jobs", "mlflow/artifacts"] : "${var.bucket_arn}/${prefix}/*"])
    error_message = "a job brings artifacts to managed MLflow by itself"
  }

  assert {
    condition     = length(regexall("sagemaker-mlflow:Delete(Run|Experiment|Model|Registered)", data.aws_iam_policy_document.training.json)) == 0
    error_message = "a job deletes no run and no model"
  }

  assert {
    condition     = strcontains(data.aws_iam_policy_document.training.json, var.kms_key_arn)
    error_message = "a job reads what the key encrypted"
  }
}

run "lets_the_main_branch_of_one_repository_deploy" {
  command = apply

  variables {
    github_repository = "acme/yolo"
  }

  assert {
    condition = toset(jsondecode(data.aws_iam_policy_document.deploy_trust["github"].json).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]) == toset([
      "repo:acme/yolo:ref:refs/heads/main", "repo:acme/yolo:environment:production",
    ])
    error_message = "no other branch, and no pull request"
  }

  assert {
    condition     = length(aws_iam_policy.deploy) == 6 && alltrue([for policy in aws_iam_policy.deploy : length(policy.policy) <= 6144])
    error_message = "IAM takes no managed policy over 6,144 characters"
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_policy.deploy : [
        for statement in jsondecode(policy.policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]
      ]
    ]))
    error_message = "no action is a pattern"
  }

  assert {
    condition = one([
      for statement in jsondecode(data.aws_iam_policy_document.deploy_roles.json).Statement : statement if try(statement.Sid, "") == "HandRolesToServices"
    ]).Condition.StringEquals["iam:PassedToService"] != null
    error_message = "a role is handed on to named services only"
  }

  assert {
    condition = alltrue(flatten([
      for name in ["platform", "modes"] : [
        for resource in flatten(jsondecode(aws_iam_policy.deploy[name].policy).Statement[*].Resource) :
        strcontains(resource, ":123456789012:") && !can(regex("\\bP\\b", resource))
      ]
    ]))
    error_message = "every change stands on things of this account"
  }

  assert {
    condition = toset([
      for resource in flatten(jsondecode(aws_iam_policy.deploy["modes"].policy).Statement[*].Resource) : resource if startswith(resource, "arn:aws:rds")
    ]) == toset([for type in ["db", "pg", "snapshot", "subgrp"] : "arn:aws:rds:eu-central-1:123456789012:${type}:yolo-*"])
    error_message = "databases of the project, in this region"
  }
}

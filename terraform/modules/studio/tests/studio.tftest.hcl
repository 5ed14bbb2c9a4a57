# Plans only, and nothing asks AWS: the real provider runs with test credentials, so that policies are the real ones.

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true

  default_tags {
    tags = { Project = "yolops" }
  }
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

variables {
  project_name               = "yolops"
  vpc_id                     = "vpc-1"
  private_subnet_ids         = ["subnet-3", "subnet-4"]
  bucket_name                = "yolops-bucket"
  protected_bucket_name      = "yolops-bucket"
  bucket_arn                 = "arn:aws:s3:::yolops-bucket"
  training_role_arn          = "arn:aws:iam::123456789012:role/yolops-training"
  training_image_arns        = ["arn:aws:ecr:eu-central-1:123456789012:repository/yolops-training"]
  training_security_group_id = "sg-training"
}

run "a_domain_with_one_user_and_both_spaces_by_default" {
  command = plan

  assert {
    condition = alltrue([
      aws_sagemaker_domain.studio.domain_name == "yolops-studio",
      aws_sagemaker_domain.studio.auth_mode == "IAM",
      aws_sagemaker_domain.studio.retention_policy[0].home_efs_file_system == "Delete",
    ])
    error_message = "The domain must leave no home directories behind."
  }

  assert {
    condition     = { for name, space in aws_sagemaker_space.space : name => space.space_settings[0].app_type } == { default-jupyterlab = "JupyterLab", default-code-editor = "CodeEditor" }
    error_message = "Each user has a JupyterLab and a Code Editor space."
  }

  assert {
    condition = alltrue(flatten([
      for settings in aws_sagemaker_domain.studio.default_user_settings : [
        for app in concat(settings.jupyter_lab_app_settings, settings.code_editor_app_settings) : [
          app.app_lifecycle_management[0].idle_settings[0].lifecycle_management == "ENABLED",
          app.app_lifecycle_management[0].idle_settings[0].idle_timeout_in_minutes == 60,
        ]
      ]
    ]))
    error_message = "Idle apps stop after an hour."
  }

  assert {
    condition     = !contains(aws_sagemaker_domain.studio.default_user_settings[0].studio_web_portal_settings[0].hidden_app_types, "JupyterLab")
    error_message = "JupyterLab is shown."
  }

  assert {
    condition = alltrue([
      length(aws_cloudformation_stack.mlflow) == 1,
      length(aws_sagemaker_mlflow_tracking_server.mlflow) == 0,
      aws_vpc_endpoint.mlflow.service_name == "aws.sagemaker.us-east-1.mlflow",
      aws_vpc_endpoint.mlflow.private_dns_enabled,
      aws_vpc_security_group_ingress_rule.endpoint.referenced_security_group_id == "sg-training",
    ])
    error_message = "MLflow is an app, with a private way for training jobs."
  }

  assert {
    condition = jsondecode(data.aws_iam_policy_document.mlflow.json).Statement[*].Resource == [
      "arn:aws:s3:::yolops-bucket", "arn:aws:s3:::yolops-bucket/mlflow/*",
    ]
    error_message = "MLflow reaches its own prefix only."
  }
}

run "a_tracking_server_and_what_is_switched_off" {
  command = plan
  variables {
    studio_mlflow                = "tracking_server"
    studio_users                 = ["jane", "joe"]
    studio_domain_name           = "vision"
    enable_studio_jupyter_server = false
    studio_idle_minutes          = 120
  }

  assert {
    condition = alltrue([
      length(aws_cloudformation_stack.mlflow) == 0,
      aws_sagemaker_mlflow_tracking_server.mlflow["mlflow"].artifact_store_uri == "s3://yolops-bucket/mlflow/artifacts",
      aws_vpc_endpoint.mlflow.service_name == "aws.sagemaker.us-east-1.experiments",
    ])
    error_message = "MLflow is a tracking server, which has an endpoint service of its own."
  }

  assert {
    condition     = keys(aws_sagemaker_space.space) == ["jane-code-editor", "joe-code-editor"]
    error_message = "No JupyterLab space may be made."
  }

  assert {
    condition = alltrue([
      contains(aws_sagemaker_domain.studio.default_user_settings[0].studio_web_portal_settings[0].hidden_app_types, "JupyterLab"),
      !contains(aws_sagemaker_domain.studio.default_user_settings[0].studio_web_portal_settings[0].hidden_app_types, "CodeEditor"),
    ])
    error_message = "JupyterLab is hidden, Code Editor is not."
  }

  assert {
    condition     = aws_sagemaker_domain.studio.domain_name == "vision" && keys(aws_sagemaker_user_profile.user) == ["jane", "joe"]
    error_message = "The domain's name and users are those asked for."
  }

  assert {
    condition     = aws_sagemaker_domain.studio.default_user_settings[0].code_editor_app_settings[0].app_lifecycle_management[0].idle_settings[0].max_idle_timeout_in_minutes == 120
    error_message = "Users cannot raise the idle time."
  }
}

run "what_a_space_installs_is_named_by_its_content" {
  command = plan

  assert {
    condition     = aws_s3_object.space["requirements"].key == "studio/${filesha256("space/requirements.txt")}/requirements.txt"
    error_message = "The key must hold the hash of the file."
  }
}

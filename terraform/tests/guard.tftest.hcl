# Runs are not lost by a switch of the mode. Only the guard is planned here, which takes a moment.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  project_name = "yolo"
  aws_region   = "eu-central-1"
}

run "makes_the_first_platform" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = [], values = [] }
  }

  variables {
    deployment_mode = "studio"
  }
}

run "changes_the_platform_that_is_there" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["studio", "none", "protected"] }
  }

  variables {
    deployment_mode = "studio"
  }
}

run "refuses_to_leave_runs_behind_in_studio" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["studio", "none", "protected"] }
  }

  variables {
    deployment_mode = "custom"
    key_pair_name   = "my-key-pair"
  }

  expect_failures = [aws_ssm_parameter.mode]
}

run "refuses_another_kind_of_managed_mlflow_while_the_first_holds_runs" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.studio_mlflow]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/studio_mlflow", "/yolo/runs"], values = ["studio", "app", "protected"] }
  }

  variables {
    deployment_mode = "studio"
    studio_mlflow   = "tracking_server"
  }

  expect_failures = [aws_ssm_parameter.studio_mlflow]
}

run "refuses_a_move_that_was_made_the_other_way" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["studio", "custom->studio", "protected"] }
  }

  variables {
    deployment_mode = "custom"
    key_pair_name   = "my-key-pair"
  }

  expect_failures = [aws_ssm_parameter.mode]
}

run "switches_once_the_runs_are_moved" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["studio", "studio->custom", "protected"] }
  }

  variables {
    deployment_mode = "custom"
    key_pair_name   = "my-key-pair"
  }
}

run "switches_when_the_runs_are_given_up" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["studio", "none", "protected"] }
  }

  variables {
    deployment_mode = "custom"
    key_pair_name   = "my-key-pair"
    discard_runs    = true
  }
}

run "refuses_to_leave_runs_behind_in_custom" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["custom", "none", "protected"] }
  }

  variables {
    deployment_mode = "studio"
  }

  expect_failures = [aws_ssm_parameter.mode]
}

run "refuses_to_leave_custom_while_the_database_is_protected" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["custom", "none", "protected"] }
  }

  variables {
    deployment_mode = "studio"
    discard_runs    = true
  }

  expect_failures = [aws_ssm_parameter.mode]
}

run "leaves_custom_once_the_protection_is_gone" {
  command = plan

  plan_options {
    target = [aws_ssm_parameter.mode]
  }

  override_data {
    target = data.aws_ssm_parameters_by_path.platform
    values = { names = ["/yolo/mode", "/yolo/migrated", "/yolo/runs"], values = ["custom", "none", "may go"] }
  }

  variables {
    deployment_mode = "studio"
    discard_runs    = true
  }
}

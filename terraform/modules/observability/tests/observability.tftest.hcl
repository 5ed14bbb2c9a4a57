mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:yolo-alarms" }
  }

  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:mock" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::yolo-audit-123456789012-eu-central-1" }
  }
}

variables {
  project_name            = "yolo"
  bucket_name             = "yolo-123456789012-eu-central-1"
  bucket_arn              = "arn:aws:s3:::yolo-123456789012-eu-central-1"
  training_log_group_name = "/aws/sagemaker/TrainingJobs"
}

run "costs_nothing_extra_in_studio_mode" {
  command = apply

  variables {
    deployment_mode = "studio"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.platform) + length(aws_sns_topic.alarms) + length(aws_budgets_budget.monthly) + length(aws_cloudtrail.audit) == 0
    error_message = "AWS watches its own servers; mail, budget and trail are asked for"
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.platform.dashboard_body).widgets) == 4
    error_message = "the dashboard shows training jobs and the bucket"
  }

  assert {
    condition     = output.dashboard_url == "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/yolo-platform" && output.topic_arn == null
    error_message = "the outputs lead to the dashboard"
  }
}

run "watches_server_and_database_and_writes_mail_when_asked" {
  command = apply

  variables {
    deployment_mode       = "custom"
    server_log_group_name = "/yolo/mlflow"
    server_instance_id    = "i-0a1b2c3d"
    db_identifier         = "yolo-mlflow"
    alarm_email           = "team@example.com"
    monthly_budget_usd    = 150
    audit_trail           = true
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.platform)) == toset([
      "server-down", "server-busy", "server-unhealthy", "server-disk", "server-errors", "database-busy", "database-connections", "database-disk",
    ])
    error_message = "everything that can break is watched"
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.platform : alarm.alarm_actions == toset([output.topic_arn])])
    error_message = "every alarm is mailed"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.platform["database-disk"].comparison_operator == "LessThanThreshold"
    error_message = "free disk is bad when it is little"
  }

  assert {
    condition     = aws_sns_topic_subscription.email["alarms"].endpoint == "team@example.com" && length(aws_budgets_budget.monthly["monthly"].notification) == 3
    error_message = "the mail goes to the given address, before the money is spent"
  }

  assert {
    condition     = aws_cloudtrail.audit["audit"].enable_log_file_validation && aws_cloudtrail.audit["audit"].is_multi_region_trail && aws_s3_bucket.audit["audit"].force_destroy == false
    error_message = "the trail covers the account and is kept"
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.platform.dashboard_body).widgets) == 10
    error_message = "the dashboard shows alarms, errors, server, database, training and the bucket"
  }
}

run "watches_the_load_balancer_in_high_availability" {
  command = apply

  variables {
    deployment_mode          = "custom"
    high_availability        = true
    server_log_group_name    = "/yolo/mlflow"
    db_identifier            = "yolo-mlflow"
    load_balancer_arn_suffix = "app/yolo/1"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.platform)) == toset([
      "balancer-errors", "server-unhealthy", "server-disk", "server-errors", "database-busy", "database-connections", "database-disk",
    ])
    error_message = "servers come and go, so the load balancer is watched"
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.platform : length(alarm.alarm_actions) == 0])
    error_message = "without an address nobody is mailed"
  }
}

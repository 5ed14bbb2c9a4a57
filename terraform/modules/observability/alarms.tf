# What somebody should hear of. In studio mode AWS runs the servers, so there is nothing to watch but the bill.

locals {
  alarms = {
    server-down = {
      when       = local.single
      about      = "The MLflow server failed a status check: look at its log group, then reboot it."
      namespace  = "AWS/EC2", metric = "StatusCheckFailed", statistic = "Maximum"
      threshold  = 0, periods = 3
      dimensions = { InstanceId = var.server_instance_id }
    }
    server-busy = {
      when       = local.single
      about      = "The processor of the MLflow server was over 90 % for 15 minutes: choose a larger ec2_instance_type."
      namespace  = "AWS/EC2", metric = "CPUUtilization", statistic = "Average"
      threshold  = 90, periods = 3
      dimensions = { InstanceId = var.server_instance_id }
    }
    # Each server writes how it is into its journal once a minute, from where it becomes metrics of the project.
    server-unhealthy = {
      when       = local.custom
      about      = "MLflow has not answered on its server for 10 minutes: see its log group."
      namespace  = var.project_name, metric = "healthy", statistic = "Maximum"
      threshold  = 1, periods = 2, below = true
      dimensions = {}
    }
    server-disk = {
      when       = local.custom
      about      = "The disk of the MLflow server is over 85 % full: find what fills it, artifacts belong in S3."
      namespace  = var.project_name, metric = "disk_used_percent", statistic = "Maximum"
      threshold  = 85, periods = 1
      dimensions = {}
    }
    server-errors = {
      when       = local.custom
      about      = "MLflow answered more than 10 requests within 5 minutes with an error of its own: see its log group."
      namespace  = var.project_name, metric = "ServerErrors", statistic = "Sum"
      threshold  = 10, periods = 1
      dimensions = {}
    }
    balancer-errors = {
      when       = local.balanced
      about      = "More than 10 requests within 5 minutes reached no healthy MLflow server."
      namespace  = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", statistic = "Sum"
      threshold  = 10, periods = 1
      dimensions = { LoadBalancer = var.load_balancer_arn_suffix }
    }
    database-busy = {
      when       = local.custom
      about      = "The processor of the database was over 90 % for 15 minutes: choose a larger db_instance_class."
      namespace  = "AWS/RDS", metric = "CPUUtilization", statistic = "Average"
      threshold  = 90, periods = 3
      dimensions = { DBInstanceIdentifier = var.db_identifier }
    }
    database-connections = {
      when       = local.custom
      about      = "More than 50 connections to the database for 15 minutes; db.t3.micro accepts about 60."
      namespace  = "AWS/RDS", metric = "DatabaseConnections", statistic = "Maximum"
      threshold  = 50, periods = 3
      dimensions = { DBInstanceIdentifier = var.db_identifier }
    }
    database-disk = {
      when       = local.custom
      about      = "The database has less than 2 GiB of free disk: raise db_allocated_storage."
      namespace  = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum"
      threshold  = 2 * 1024 * 1024 * 1024, periods = 1, below = true
      dimensions = { DBInstanceIdentifier = var.db_identifier }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "platform" {
  for_each = { for name, alarm in local.alarms : name => alarm if alarm.when }

  alarm_name          = "${var.project_name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  comparison_operator = try(each.value.below, false) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching" # what sleeps outside office hours is not broken
  alarm_actions       = [for topic in aws_sns_topic.alarms : topic.arn]
  ok_actions          = [for topic in aws_sns_topic.alarms : topic.arn]
}

# Every line of the access log whose status is 500 or above, as in: "GET /ajax-api/… HTTP/1.1" 503. CloudWatch takes no quotation
# mark in an expression, so a dot stands for it.
resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each = local.custom ? toset(["server"]) : toset([])

  name           = "${var.project_name}-server-errors"
  log_group_name = var.server_log_group_name
  pattern        = "%HTTP/[0-9]\\.[0-9].\\s5[0-9][0-9]%"

  metric_transformation {
    name          = "ServerErrors"
    namespace     = var.project_name
    value         = "1"
    default_value = "0"
  }
}

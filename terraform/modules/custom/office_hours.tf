# Stops server and database outside office hours. RDS starts a database that has been stopped for seven days by itself.

locals {
  # The database needs some minutes: it starts first, and the server waits for it.
  schedules = var.office_hours == null ? {} : {
    start-database = { time = var.office_hours.start, action = "rds:startDBInstance", input = local.database_input }
    start-server   = { time = var.office_hours.start, action = "ec2:startInstances", input = local.server_input }
    stop-server    = { time = var.office_hours.stop, action = "ec2:stopInstances", input = local.server_input }
    stop-database  = { time = var.office_hours.stop, action = "rds:stopDBInstance", input = local.database_input }
  }
  scheduled      = length(local.schedules) > 0 ? { hours = true } : {}
  database_input = jsonencode({ DbInstanceIdentifier = aws_db_instance.database.identifier })
  server_input   = jsonencode({ InstanceIds = [for server in aws_instance.server : server.id] })
}

data "aws_iam_policy_document" "office_hours_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "office_hours" {
  for_each = local.scheduled

  statement {
    actions   = ["ec2:StartInstances", "ec2:StopInstances"]
    resources = [for server in aws_instance.server : server.arn]
  }

  statement {
    actions   = ["rds:StartDBInstance", "rds:StopDBInstance"]
    resources = [aws_db_instance.database.arn]
  }
}

resource "aws_iam_role" "office_hours" {
  for_each = local.scheduled

  name               = "${local.name}-office-hours"
  description        = "Starts and stops the MLflow server and database of ${var.project_name}"
  assume_role_policy = data.aws_iam_policy_document.office_hours_trust.json
}

resource "aws_iam_role_policy" "office_hours" {
  for_each = local.scheduled

  name   = "office-hours"
  role   = aws_iam_role.office_hours[each.key].id
  policy = data.aws_iam_policy_document.office_hours[each.key].json
}

resource "aws_scheduler_schedule_group" "office_hours" {
  for_each = local.scheduled

  name = local.name
}

resource "aws_scheduler_schedule" "office_hours" {
  #checkov:skip=CKV_AWS_297:a schedule holds the names of two resources and no data
  for_each = local.schedules

  name                         = each.key
  group_name                   = aws_scheduler_schedule_group.office_hours["hours"].name
  schedule_expression          = "cron(${tonumber(split(":", each.value.time)[1])} ${tonumber(split(":", each.value.time)[0])} ? * ${var.office_hours.days} *)"
  schedule_expression_timezone = var.office_hours.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:${each.value.action}"
    role_arn = aws_iam_role.office_hours["hours"].arn
    input    = each.value.input
  }
}

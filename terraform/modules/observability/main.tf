# What several files of this module need to know, and whom alarms write to.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  region    = data.aws_region.current.id
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  # Known before anything exists, which the IDs of server and database are not.
  custom   = var.deployment_mode == "custom"
  balanced = local.custom && var.high_availability
  single   = local.custom && !var.high_availability

  topics = var.alarm_email == "" ? toset([]) : toset(["alarms"])
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:SNS encrypts at rest by itself; with the key alias/aws/sns CloudWatch could not publish
  for_each = local.topics

  name              = "${var.project_name}-alarms"
  kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
}

data "aws_iam_policy_document" "topic" {
  for_each = local.topics

  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[each.key].arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  for_each = local.topics

  arn    = aws_sns_topic.alarms[each.key].arn
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = local.topics

  topic_arn = aws_sns_topic.alarms[each.key].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# The whole account's spending: a filter by tag counts nothing until somebody activates the tag for billing by hand.
resource "aws_budgets_budget" "monthly" {
  for_each = var.alarm_email != "" && var.monthly_budget_usd > 0 ? toset(["monthly"]) : toset([])

  name         = "${var.project_name}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = ["80 ACTUAL", "100 ACTUAL", "100 FORECASTED"]

    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = tonumber(split(" ", notification.value)[0])
      threshold_type             = "PERCENTAGE"
      notification_type          = split(" ", notification.value)[1]
      subscriber_email_addresses = [var.alarm_email]
    }
  }
}

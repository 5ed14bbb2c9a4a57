output "dashboard_url" {
  description = "Where a person opens the dashboard."
  value       = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${local.dashboard}"
}

output "topic_arn" {
  description = "SNS topic of the alarms; null without alarm_email."
  value       = one([for topic in aws_sns_topic.alarms : topic.arn])
}

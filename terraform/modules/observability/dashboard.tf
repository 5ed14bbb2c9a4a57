# One page that a person can read: what is wrong on top, then the server, the database, training and the bucket.

locals {
  dashboard = "${var.project_name}-platform"

  widget_rows = concat(
    local.custom ? [[
      {
        type = "alarm"
        properties = {
          title  = "Alarms"
          alarms = [for alarm in aws_cloudwatch_metric_alarm.platform : alarm.arn]
        }
      },
      {
        type = "log"
        properties = {
          title  = "Errors of the MLflow server"
          region = local.region
          view   = "table"
          query  = "SOURCE '${var.server_log_group_name}' | fields @timestamp, @message | filter @message like /ERROR|Traceback|\" 5[0-9][0-9]/ | sort @timestamp desc | limit 50"
        }
      },
    ]] : [],
    local.single ? [[
      { type = "metric", properties = merge(local.graph, { title = "Processor of the server (%)", metrics = [["AWS/EC2", "CPUUtilization", "InstanceId", var.server_instance_id]] }) },
      { type = "metric", properties = merge(local.graph, { title = "Disk and memory of the server (% used)", metrics = [[var.project_name, "disk_used_percent"], [var.project_name, "memory_used_percent"]] }) },
    ]] : [],
    local.balanced ? [[
      { type = "metric", properties = merge(local.graph, { title = "Requests", stat = "Sum", metrics = [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.load_balancer_arn_suffix]] }) },
      { type = "metric", properties = merge(local.graph, { title = "Time to answer (s)", stat = "p95", metrics = [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.load_balancer_arn_suffix]] }) },
    ]] : [],
    local.custom ? [[
      { type = "metric", properties = merge(local.graph, { title = "Connections to the database", metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", var.db_identifier]] }) },
      { type = "metric", properties = merge(local.graph, { title = "Free disk of the database (bytes)", metrics = [["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", var.db_identifier]] }) },
    ]] : [],
    [[
      { type = "metric", properties = merge(local.graph, { title = "Training jobs: GPU (%)", metrics = [[{ expression = "SEARCH('{/aws/sagemaker/TrainingJobs,Host} MetricName=\"GPUUtilization\" ${var.project_name}', 'Average', 300)" }]] }) },
      { type = "metric", properties = merge(local.graph, { title = "Training jobs: memory (%)", metrics = [[{ expression = "SEARCH('{/aws/sagemaker/TrainingJobs,Host} MetricName=\"MemoryUtilization\" ${var.project_name}', 'Average', 300)" }]] }) },
      ], [
      {
        type = "log"
        properties = {
          title  = "Last lines of training jobs"
          region = local.region
          view   = "table"
          query  = "SOURCE '${var.training_log_group_name}' | fields @timestamp, @logStream, @message | filter @logStream like /^${var.project_name}-/ | sort @timestamp desc | limit 50"
        }
      },
      { type = "metric", properties = merge(local.graph, { title = "Size of the bucket (bytes, by storage class)", period = 86400, metrics = [[{ expression = "SEARCH('{AWS/S3,BucketName,StorageType} MetricName=\"BucketSizeBytes\" BucketName=\"${var.bucket_name}\"', 'Average', 86400)" }]] }) },
    ]],
  )

  graph = { region = local.region, view = "timeSeries", stat = "Average", period = 300 }
}

resource "aws_cloudwatch_dashboard" "platform" {
  dashboard_name = local.dashboard
  dashboard_body = jsonencode({
    widgets = flatten([
      for row, widgets in local.widget_rows : [
        for column, widget in widgets : merge(widget, { x = column * 12, y = row * 6, width = 12, height = 6 })
      ]
    ])
  })
}

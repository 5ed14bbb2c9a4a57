output "tracking_host" {
  description = "Address of the server or the load balancer; point domain_name at it when DNS is kept outside this account."
  value       = local.public_host
}

output "tracking_uri" {
  description = "MLflow tracking URI for people."
  value = (
    var.high_availability
    ? "https://${coalesce(var.domain_name, local.public_host)}"
    : "https://${coalesce(var.domain_name, local.public_host)}:${local.port}"
  )
}

output "private_tracking_uri" {
  description = "MLflow tracking URI for training jobs, inside the VPC."
  value       = "https://${var.high_availability ? local.private_balancer : aws_instance.server["server"].private_ip}:${local.port}"
}

output "rds_endpoint" {
  description = "Host and port of the database."
  value       = aws_db_instance.database.endpoint
}

output "server_instance_id" {
  description = "Instance ID of the server; null in high availability, where instances come and go."
  value       = one([for server in aws_instance.server : server.id])
}

output "server_secret_arn" {
  description = "Secret with the database and administrator passwords."
  value       = aws_secretsmanager_secret.server.arn
}

output "jobs_secret_arn" {
  description = "Secret with the login of training jobs."
  value       = aws_secretsmanager_secret.jobs.arn
}

output "secrets_endpoint" {
  description = "Address of Secrets Manager inside the VPC, for training jobs."
  value       = "https://${aws_vpc_endpoint.secrets.dns_entry[0].dns_name}"
}

output "log_group_name" {
  description = "Log group of the server."
  value       = aws_cloudwatch_log_group.server.name
}

output "db_identifier" {
  description = "Identifier of the RDS instance."
  value       = aws_db_instance.database.identifier
}

output "load_balancer_arn_suffix" {
  description = "Public load balancer as CloudWatch metrics name it; null without high availability."
  value       = one([for side, balancer in aws_lb.server : balancer.arn_suffix if side == "public"])
}

output "autoscaling_group_name" {
  description = "Auto scaling group of the servers; null without high availability."
  value       = one([for group in aws_autoscaling_group.server : group.name])
}

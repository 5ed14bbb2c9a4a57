# The same names in both modes; null or an empty list where a mode has none.

output "aws_region" {
  description = "Region of the platform."
  value       = local.platform.aws_region
}

output "project_name" {
  description = "Prefix of every name and value of the tag Project."
  value       = local.platform.project_name
}

output "deployment_mode" {
  description = "`studio` or `custom`."
  value       = var.deployment_mode
}

output "tracking_uri" {
  description = "What `MLFLOW_TRACKING_URI` is set to: the ARN of the managed MLflow, or the address of the server."
  value       = one(concat(module.studio[*].tracking_uri, module.custom[*].tracking_uri))
}

output "training_tracking_uri" {
  description = "The same for training jobs: an address inside the VPC in custom mode."
  value       = one(concat(module.studio[*].tracking_uri, module.custom[*].private_tracking_uri))
}

output "mlflow_ui_url" {
  description = "Where a person opens MLflow."
  value       = one(concat(module.studio[*].mlflow_ui_url, module.custom[*].tracking_uri))
}

output "bucket_name" {
  description = "Bucket of datasets, jobs and artifacts."
  value       = local.platform.bucket_name
}

output "artifact_uri" {
  description = "Where MLflow keeps artifacts."
  value       = local.platform.artifact_uri
}

output "dataset_uri" {
  description = "Where datasets are kept."
  value       = local.platform.dataset_uri
}

output "training_login_secret_arn" {
  description = "Secret with the login of training jobs to MLflow; null in studio mode, where their role is their login."
  value       = one(module.custom[*].jobs_secret_arn)
}

output "training_secrets_endpoint" {
  description = "Address of Secrets Manager for training jobs, inside the VPC; null in studio mode."
  value       = one(module.custom[*].secrets_endpoint)
}

output "training_role_arn" {
  description = "Role of training jobs."
  value       = local.platform.training_role_arn
}

output "training_image_repository" {
  description = "ECR repository of the training image."
  value       = local.platform.training_image_repository
}

output "training_image_registry" {
  description = "ECR registry of AWS's own training images in this region."
  value       = local.platform.training_image_registry
}

output "training_log_group" {
  description = "Log group that SageMaker writes training jobs to; the streams of this platform start with project_name."
  value       = local.platform.training_log_group
}

output "training_subnet_ids" {
  description = "Subnets that training jobs run in."
  value       = local.platform.training_subnet_ids
}

output "training_security_group_ids" {
  description = "Security groups of training jobs."
  value       = local.platform.training_security_group_ids
}

output "sagemaker_instance_type" {
  description = "Instance type of training jobs that name no other."
  value       = local.platform.sagemaker_instance_type
}

output "deploy_role_arn" {
  description = "Role that GitHub Actions deploys with; null without github_repository."
  value       = module.training.deploy_role_arn
}

output "kms_key_arn" {
  description = "KMS key of bucket, images and disks; empty for AWS's own keys."
  value       = local.platform.kms_key_arn
}

output "vpc_id" {
  description = "VPC of the platform."
  value       = local.platform.vpc_id
}

output "studio_domain_id" {
  description = "Studio domain."
  value       = one(module.studio[*].domain_id)
}

output "studio_url" {
  description = "Where a person opens Studio."
  value       = one(module.studio[*].domain_url)
}

output "rds_endpoint" {
  description = "Host and port of the database."
  value       = one(module.custom[*].rds_endpoint)
}

output "server_instance_id" {
  description = "Instance of the MLflow server; null in high availability."
  value       = one(module.custom[*].server_instance_id)
}

output "server_secret_arn" {
  description = "Secret that the MLflow server reads its passwords from."
  value       = one(module.custom[*].server_secret_arn)
}

output "log_group_name" {
  description = "Log group of the MLflow server, or of Studio."
  value       = one(concat(module.custom[*].log_group_name, module.studio[*].log_group_name))
}

output "dashboard_url" {
  description = "CloudWatch dashboard of the platform."
  value       = module.observability.dashboard_url
}

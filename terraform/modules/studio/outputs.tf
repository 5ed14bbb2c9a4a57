output "domain_id" {
  description = "Studio domain."
  value       = aws_sagemaker_domain.studio.id
}

output "domain_url" {
  description = "Address of the Studio domain; people open it through the console or a presigned address."
  value       = aws_sagemaker_domain.studio.url
}

output "user_profile_names" {
  description = "User profiles of the domain."
  value       = [for profile in aws_sagemaker_user_profile.user : profile.user_profile_name]
}

output "mlflow_arn" {
  description = "ARN of the MLflow app or tracking server."
  value       = local.mlflow_arn
}

output "tracking_uri" {
  description = "MLflow tracking URI: the same ARN; the sagemaker-mlflow package signs the requests."
  value       = local.mlflow_arn
}

output "mlflow_ui_url" {
  description = "Console page that opens Studio, where MLflow stands in the menu."
  value       = local.mlflow_ui_url
}

output "log_group_name" {
  description = "Log group that Studio's apps write to; SageMaker shares it between all domains of the account."
  value       = local.studio_log_group
}

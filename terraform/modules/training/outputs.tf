output "role_arn" {
  description = "Role of training jobs."
  value       = aws_iam_role.training.arn
}

output "role_name" {
  description = "Name of that role."
  value       = aws_iam_role.training.name
}

output "log_group_name" {
  description = "Log group that SageMaker writes training jobs to."
  value       = local.log_group
}

output "image_repository_url" {
  description = "ECR repository of the training image."
  value       = aws_ecr_repository.training.repository_url
}

output "image_registry" {
  description = "ECR registry of AWS's own training images in this region."
  value       = "${local.image_account}.dkr.ecr.${local.region}.${data.aws_partition.current.dns_suffix}"
}

output "image_arns" {
  description = "Repositories that training jobs take their images from: the platform's own, and AWS's."
  value       = [aws_ecr_repository.training.arn, local.aws_images]
}

output "security_group_id" {
  description = "Security group of training jobs: no way in."
  value       = aws_security_group.training.id
}

output "subnet_ids" {
  description = "Subnets that training jobs run in."
  value       = var.private_subnet_ids
}

output "deploy_role_arn" {
  description = "Role that GitHub Actions deploys with; null without github_repository."
  value       = one([for role in aws_iam_role.deploy : role.arn])
}

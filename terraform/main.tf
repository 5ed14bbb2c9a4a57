# One platform: what both modes share, and the side that deployment_mode asks for.

locals {
  custom = one(module.custom)
  studio = one(module.studio)

  # What both modes have, by the names of outputs.tf: spaces of Studio are told of it, too.
  platform = {
    aws_region                  = var.aws_region
    project_name                = var.project_name
    bucket_name                 = module.storage.bucket_name
    artifact_uri                = "s3://${module.storage.bucket_name}/mlflow/artifacts"
    dataset_uri                 = "s3://${module.storage.bucket_name}/datasets"
    training_role_arn           = module.training.role_arn
    training_image_repository   = module.training.image_repository_url
    training_image_registry     = module.training.image_registry
    training_log_group          = module.training.log_group_name
    training_subnet_ids         = module.training.subnet_ids
    training_security_group_ids = [module.training.security_group_id]
    sagemaker_instance_type     = var.sagemaker_instance_type
    kms_key_arn                 = var.kms_key_arn
    vpc_id                      = module.network.vpc_id
  }
}

module "network" {
  source = "./modules/network"

  project_name       = var.project_name
  vpc_id             = var.vpc_id
  public_subnet_ids  = var.public_subnet_ids
  private_subnet_ids = var.private_subnet_ids
}

module "storage" {
  source = "./modules/storage"

  project_name           = var.project_name
  kms_key_arn            = var.kms_key_arn
  delete_bucket_contents = var.delete_bucket_contents
}

module "training" {
  source = "./modules/training"

  project_name            = var.project_name
  bucket_name             = module.storage.bucket_name
  bucket_arn              = module.storage.bucket_arn
  vpc_id                  = module.network.vpc_id
  vpc_cidr                = module.network.vpc_cidr
  private_subnet_ids      = module.network.private_subnet_ids
  kms_key_arn             = var.kms_key_arn
  tracking_statement_arns = module.studio[*].mlflow_arn
  login_secret_arns       = module.custom[*].jobs_secret_arn
  github_repository       = var.github_repository
}

module "custom" {
  source = "./modules/custom"
  count  = var.deployment_mode == "custom" ? 1 : 0

  project_name               = var.project_name
  vpc_id                     = module.network.vpc_id
  public_subnet_ids          = module.network.public_subnet_ids
  private_subnet_ids         = module.network.private_subnet_ids
  bucket_name                = module.storage.bucket_name
  protected_bucket_name      = module.storage.protected_bucket_name
  bucket_arn                 = module.storage.bucket_arn
  training_security_group_id = module.training.security_group_id
  ec2_instance_type          = var.ec2_instance_type
  mlflow_version             = var.mlflow_version
  key_pair_name              = var.key_pair_name
  admin_access               = var.admin_access
  allowed_cidrs              = var.allowed_cidrs
  db_instance_class          = var.db_instance_class
  db_allocated_storage       = var.db_allocated_storage
  high_availability          = var.high_availability
  domain_name                = var.domain_name
  certificate_arn            = var.certificate_arn
  office_hours               = var.office_hours
  kms_key_arn                = var.kms_key_arn
  discard_runs               = local.runs_may_go
  db_snapshot_on_destroy     = var.db_snapshot_on_destroy
}

module "studio" {
  source = "./modules/studio"
  count  = var.deployment_mode == "studio" ? 1 : 0

  project_name                 = var.project_name
  vpc_id                       = module.network.vpc_id
  private_subnet_ids           = module.network.private_subnet_ids
  bucket_name                  = module.storage.bucket_name
  protected_bucket_name        = module.storage.protected_bucket_name
  bucket_arn                   = module.storage.bucket_arn
  training_role_arn            = module.training.role_arn
  training_image_arns          = module.training.image_arns
  training_security_group_id   = module.training.security_group_id
  studio_domain_name           = var.studio_domain_name
  enable_studio_code_editor    = var.enable_studio_code_editor
  enable_studio_jupyter_server = var.enable_studio_jupyter_server
  studio_mlflow                = var.studio_mlflow
  studio_users                 = var.studio_users
  studio_idle_minutes          = var.studio_idle_minutes
  kms_key_arn                  = var.kms_key_arn
  platform                     = local.platform
}

module "observability" {
  source = "./modules/observability"

  project_name             = var.project_name
  deployment_mode          = var.deployment_mode
  high_availability        = var.high_availability
  bucket_name              = module.storage.bucket_name
  bucket_arn               = module.storage.bucket_arn
  delete_bucket_contents   = var.delete_bucket_contents
  alarm_email              = var.alarm_email
  monthly_budget_usd       = var.monthly_budget_usd
  audit_trail              = var.audit_trail
  kms_key_arn              = var.kms_key_arn
  training_log_group_name  = module.training.log_group_name
  server_log_group_name    = try(local.custom.log_group_name, null)
  server_instance_id       = try(local.custom.server_instance_id, null)
  db_identifier            = try(local.custom.db_identifier, null)
  load_balancer_arn_suffix = try(local.custom.load_balancer_arn_suffix, null)
}

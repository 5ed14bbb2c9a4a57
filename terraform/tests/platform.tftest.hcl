# Plans of the whole platform. Nothing asks AWS: a mocked provider would refuse the ephemeral passwords of custom mode, so the
# real one runs with test credentials, and the answers of its data sources are given here.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

override_data {
  target = module.storage.data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.training.data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.observability.data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.custom[0].data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.studio[0].data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.network.data.aws_availability_zones.available
  values = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
}

override_data {
  target = module.custom[0].data.aws_ami.debian
  values = { id = "ami-0a1b2c3d" }
}

override_data {
  target = data.aws_ssm_parameters_by_path.platform
  values = { names = [], values = [] } # nothing is deployed
}

variables {
  project_name = "yolo"
  aws_region   = "eu-central-1"
}

run "studio" {
  command = plan

  assert {
    condition     = length(module.studio) == 1 && length(module.custom) == 0
    error_message = "studio mode makes the managed side only"
  }

  assert {
    condition     = output.rds_endpoint == null && output.server_instance_id == null && output.server_secret_arn == null
    error_message = "what the mode does not have is null"
  }

  assert {
    condition     = output.artifact_uri == "s3://yolo-123456789012-eu-central-1/mlflow/artifacts" && output.dataset_uri == "s3://yolo-123456789012-eu-central-1/datasets"
    error_message = "artifacts and datasets are in the platform's bucket"
  }
}

run "custom_keeps_the_storage_of_studio" {
  command = plan

  variables {
    deployment_mode = "custom"
    key_pair_name   = "my-key-pair"
  }

  assert {
    condition     = length(module.studio) == 0 && length(module.custom) == 1
    error_message = "custom mode makes the server only"
  }

  assert {
    condition = alltrue([
      output.bucket_name == run.studio.bucket_name, output.artifact_uri == run.studio.artifact_uri,
      output.dataset_uri == run.studio.dataset_uri, output.training_log_group == run.studio.training_log_group,
    ])
    error_message = "bucket, artifacts and datasets are the same in both modes"
  }

  assert {
    condition     = output.studio_domain_id == null && output.studio_url == null
    error_message = "what the mode does not have is null"
  }
}

run "high_availability_in_an_existing_vpc_with_every_option" {
  command = plan

  variables {
    deployment_mode    = "custom"
    admin_access       = "ssm"
    high_availability  = true
    certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    vpc_id             = "vpc-0a1b2c3d"
    public_subnet_ids  = ["subnet-1", "subnet-2"]
    private_subnet_ids = ["subnet-3", "subnet-4"]
    allowed_cidrs      = ["203.0.113.0/24"]
    alarm_email        = "team@example.com"
    monthly_budget_usd = 150
    audit_trail        = true
    github_repository  = "acme/yolo"
    kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
  }

  override_data {
    target = module.network.data.aws_vpc.given
    values = { id = "vpc-0a1b2c3d", cidr_block = "172.31.0.0/16" }
  }

  assert {
    condition     = output.vpc_id == "vpc-0a1b2c3d" && output.training_subnet_ids == tolist(["subnet-3", "subnet-4"]) && output.server_instance_id == null
    error_message = "everything moves into the existing VPC"
  }
}

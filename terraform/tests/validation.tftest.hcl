# Every setting that cannot work is refused before anything is made. Only the variables of the root module are read here
# (tests/settings links to their files), so that all of it takes a second.

run "accepts_the_defaults" {
  command = plan

  module {
    source = "./tests/settings"
  }
}

run "accepts_the_whole_internet_when_that_is_meant" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    allowed_cidrs       = ["0.0.0.0/0", "::/0"]
    allow_public_access = true
  }
}

run "accepts_custom_mode_without_a_key_pair_when_the_shell_is_session_manager" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    deployment_mode = "custom"
    admin_access    = "ssm"
    allowed_cidrs   = ["203.0.113.7/32", "2001:db8::/32"]
  }
}

run "accepts_an_existing_vpc_and_every_option" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    deployment_mode    = "custom"
    key_pair_name      = "my-key-pair"
    vpc_id             = "vpc-0a1b2c3d"
    public_subnet_ids  = ["subnet-1", "subnet-2"]
    private_subnet_ids = ["subnet-3", "subnet-4"]
    domain_name        = "mlflow.example.com"
    office_hours       = { start = "08:00", stop = "19:00", timezone = "Europe/Berlin" }
    kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
    alarm_email        = "team@example.com"
    monthly_budget_usd = 150
    github_repository  = "acme/yolo"
    studio_users       = ["ada", "grace"]
  }
}

run "refuses_a_region_that_is_no_code" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    aws_region = "frankfurt"
  }

  expect_failures = [var.aws_region]
}

run "refuses_capital_letters_in_the_project_name" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    project_name = "Yolo"
  }

  expect_failures = [var.project_name]
}

run "refuses_a_project_name_that_is_too_short" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    project_name = "ab"
  }

  expect_failures = [var.project_name]
}

run "refuses_a_project_name_that_ends_with_a_hyphen" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    project_name = "yolo-"
  }

  expect_failures = [var.project_name]
}

run "refuses_two_hyphens_in_a_row_in_the_project_name" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    project_name = "yolo--team"
  }

  expect_failures = [var.project_name]
}

run "refuses_a_project_name_that_aws_keeps_for_itself" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    project_name = "aws-yolo"
  }

  expect_failures = [var.project_name]
}

run "refuses_a_mode_that_does_not_exist" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    deployment_mode = "local"
  }

  expect_failures = [var.deployment_mode]
}

run "refuses_an_ec2_type_for_training_jobs" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    sagemaker_instance_type = "g4dn.xlarge"
  }

  expect_failures = [var.sagemaker_instance_type]
}

run "refuses_a_domain_name_with_a_space" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    studio_domain_name = "my domain"
  }

  expect_failures = [var.studio_domain_name]
}

run "refuses_a_sagemaker_type_for_the_server" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    ec2_instance_type = "ml.t3.medium"
  }

  expect_failures = [var.ec2_instance_type]
}

run "refuses_custom_mode_without_a_key_pair" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    deployment_mode = "custom"
  }

  expect_failures = [var.key_pair_name]
}

run "refuses_an_ec2_type_for_the_database" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    db_instance_class = "t3.micro"
  }

  expect_failures = [var.db_instance_class]
}

run "refuses_a_database_disk_that_rds_does_not_make" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    db_allocated_storage = 5
  }

  expect_failures = [var.db_allocated_storage]
}

run "refuses_half_a_gigabyte" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    db_allocated_storage = 20.5
  }

  expect_failures = [var.db_allocated_storage]
}

run "refuses_another_way_to_the_server" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    admin_access = "telnet"
  }

  expect_failures = [var.admin_access]
}

run "refuses_an_address_without_its_length" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    allowed_cidrs = ["203.0.113.7"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "refuses_a_network_with_bits_beyond_its_length" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    allowed_cidrs = ["203.0.113.7/24"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "refuses_the_whole_internet" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "refuses_the_whole_internet_in_ipv6" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    allowed_cidrs = ["::/0"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "refuses_the_whole_internet_in_two_halves" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    allowed_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.allowed_cidrs]
}

run "refuses_another_kind_of_managed_mlflow" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    studio_mlflow = "server"
  }

  expect_failures = [var.studio_mlflow]
}

run "refuses_a_domain_without_users" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    studio_users = []
  }

  expect_failures = [var.studio_users]
}

run "refuses_one_user_twice" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    studio_users = ["ada", "ada"]
  }

  expect_failures = [var.studio_users]
}

run "refuses_a_user_name_with_a_space" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    studio_users = ["ada lovelace"]
  }

  expect_failures = [var.studio_users]
}

run "refuses_an_idle_time_below_the_minimum_of_sagemaker" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    studio_idle_minutes = 10
  }

  expect_failures = [var.studio_idle_minutes]
}

run "refuses_a_vpc_that_is_no_id" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    vpc_id             = "default"
    public_subnet_ids  = ["subnet-1", "subnet-2"]
    private_subnet_ids = ["subnet-3", "subnet-4"]
  }

  expect_failures = [var.vpc_id]
}

run "refuses_an_existing_vpc_without_public_subnets" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    vpc_id             = "vpc-0a1b2c3d"
    private_subnet_ids = ["subnet-3", "subnet-4"]
  }

  expect_failures = [var.public_subnet_ids]
}

run "refuses_an_existing_vpc_with_one_private_subnet" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    vpc_id             = "vpc-0a1b2c3d"
    public_subnet_ids  = ["subnet-1", "subnet-2"]
    private_subnet_ids = ["subnet-3"]
  }

  expect_failures = [var.private_subnet_ids]
}

run "refuses_subnets_without_their_vpc" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    public_subnet_ids = ["subnet-1", "subnet-2"]
  }

  expect_failures = [var.public_subnet_ids]
}

run "refuses_an_address_for_a_host_name" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    domain_name = "https://mlflow.example.com"
  }

  expect_failures = [var.domain_name]
}

run "refuses_a_certificate_that_is_no_arn" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    certificate_arn = "my-certificate"
  }

  expect_failures = [var.certificate_arn]
}

run "refuses_high_availability_without_a_certificate" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    high_availability = true
  }

  expect_failures = [var.certificate_arn]
}

run "refuses_a_time_of_day_without_minutes" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    office_hours = { start = "8", stop = "19:00" }
  }

  expect_failures = [var.office_hours]
}

run "refuses_office_hours_in_high_availability" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    office_hours      = { start = "08:00", stop = "19:00" }
    high_availability = true
    certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }

  expect_failures = [var.office_hours]
}

run "refuses_an_alias_for_a_key" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    kms_key_arn = "alias/mine"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_an_address_that_is_none" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    alarm_email = "ops"
  }

  expect_failures = [var.alarm_email]
}

run "refuses_a_budget_that_nobody_hears_of" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    monthly_budget_usd = 100
  }

  expect_failures = [var.monthly_budget_usd]
}

run "refuses_a_pattern_for_a_repository" {
  command = plan

  module {
    source = "./tests/settings"
  }

  variables {
    github_repository = "acme/*"
  }

  expect_failures = [var.github_repository]
}

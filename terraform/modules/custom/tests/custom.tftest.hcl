# Plans only, and nothing asks AWS: a mocked provider would refuse the ephemeral passwords, so the real one runs with
# test credentials, and the answers of its data sources are given here.

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true

  default_tags {
    tags = { Project = "yolops" }
  }
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = data.aws_ami.debian
  values = { id = "ami-0123456789abcdef0" }
}

override_data {
  target = data.aws_route53_zones.all
  values = { ids = ["Z1"] }
}

override_data {
  target = data.aws_route53_zone.candidate
  values = { name = "example.com." }
}

variables {
  project_name               = "yolops"
  vpc_id                     = "vpc-1"
  public_subnet_ids          = ["subnet-1", "subnet-2"]
  private_subnet_ids         = ["subnet-3", "subnet-4"]
  bucket_name                = "yolops-bucket"
  protected_bucket_name      = "yolops-bucket"
  bucket_arn                 = "arn:aws:s3:::yolops-bucket"
  training_security_group_id = "sg-training"
  key_pair_name              = "my-key"
}

run "one_closed_server_and_a_protected_database_by_default" {
  command = plan

  assert {
    condition     = length(aws_instance.server) == 1 && length(aws_eip.server) == 1 && length(aws_lb.server) == 0
    error_message = "One instance with one fixed address is expected."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.people) == 0
    error_message = "Nobody outside the VPC may come in before allowed_cidrs names them."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.jobs.referenced_security_group_id == "sg-training"
      && aws_vpc_security_group_ingress_rule.jobs.from_port == 5000
      && aws_vpc_security_group_ingress_rule.jobs.cidr_ipv4 == null
    )
    error_message = "Training jobs reach MLflow by their security group."
  }

  assert {
    condition = alltrue([
      aws_instance.server["server"].metadata_options[0].http_tokens == "required",
      aws_instance.server["server"].metadata_options[0].http_put_response_hop_limit == 1,
      aws_instance.server["server"].root_block_device[0].encrypted,
      aws_instance.server["server"].user_data_replace_on_change,
      aws_instance.server["server"].tags["Service"] == "mlflow",
      aws_instance.server["server"].volume_tags["Project"] == "yolops",
    ])
    error_message = "The instance is hardened and findable by its tags."
  }

  assert {
    condition     = aws_autoscaling_group.server == {} && aws_scheduler_schedule.office_hours == {}
    error_message = "Options are off by default."
  }

  assert {
    condition = alltrue([
      aws_db_instance.database.storage_encrypted,
      !aws_db_instance.database.publicly_accessible,
      aws_db_instance.database.deletion_protection,
      !aws_db_instance.database.skip_final_snapshot,
      aws_db_instance.database.backup_retention_period == 7,
      !aws_db_instance.database.multi_az,
      !aws_db_instance.database.performance_insights_enabled,
      aws_db_instance.database.password == null,
    ])
    error_message = "The database must be encrypted, private, backed up and protected, and db.t3.micro has no Performance Insights."
  }

  assert {
    condition = {
      for parameter in aws_db_parameter_group.database.parameter : parameter.name => parameter.value
      } == {
      require_secure_transport        = "1"
      log_bin_trust_function_creators = "1"
      slow_query_log                  = "1"
      log_output                      = "FILE"
    }
    error_message = "TLS must be required, and MLflow's triggers allowed."
  }

  assert {
    condition = alltrue([
      aws_db_subnet_group.database.subnet_ids == toset(["subnet-3", "subnet-4"]),
      aws_vpc_security_group_ingress_rule.database.from_port == 3306,
      aws_vpc_security_group_ingress_rule.database.cidr_ipv4 == null,
    ])
    error_message = "Only the server's security group reaches the database."
  }

  assert {
    condition     = aws_secretsmanager_secret.server.recovery_window_in_days == 30
    error_message = "A deleted secret can be had back."
  }

  assert {
    condition     = aws_db_instance.database.password_wo_version == aws_secretsmanager_secret_version.server.secret_string_wo_version
    error_message = "Database and secret must get a new password in the same apply."
  }
}

run "each_option_does_what_it_says" {
  command = plan
  variables {
    admin_access           = "ssm"
    key_pair_name          = ""
    allowed_cidrs          = ["203.0.113.7/32"]
    db_instance_class      = "db.m6i.large"
    discard_runs           = true
    db_snapshot_on_destroy = false
    domain_name            = "mlflow.example.com"
    office_hours           = { start = "08:05", stop = "19:00", timezone = "Europe/Berlin" }
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.people : rule.from_port] == [5000]
    error_message = "Port 22 stays shut."
  }

  assert {
    condition     = aws_db_instance.database.performance_insights_enabled
    error_message = "db.m6i.large offers Performance Insights."
  }

  assert {
    condition = alltrue([
      !aws_db_instance.database.deletion_protection,
      aws_db_instance.database.skip_final_snapshot,
      aws_secretsmanager_secret.server.recovery_window_in_days == 0,
    ])
    error_message = "Nothing may stand in the way of a destroy that was asked for."
  }

  assert {
    condition = { for name, schedule in aws_scheduler_schedule.office_hours : name => schedule.schedule_expression } == {
      start-database = "cron(5 8 ? * MON-FRI *)"
      start-server   = "cron(5 8 ? * MON-FRI *)"
      stop-database  = "cron(0 19 ? * MON-FRI *)"
      stop-server    = "cron(0 19 ? * MON-FRI *)"
    }
    error_message = "Four schedules, at the times asked for."
  }

  assert {
    condition     = aws_scheduler_schedule.office_hours["stop-server"].schedule_expression_timezone == "Europe/Berlin"
    error_message = "Times are those of the office."
  }

  assert {
    condition     = aws_route53_record.server["name"].name == "mlflow.example.com"
    error_message = "The record is missing."
  }

  assert {
    condition = (
      local.server.public_name == "mlflow.example.com"
      && local.cloud_config.runcmd[1][4] == "mlflow.example.com"
    )
    error_message = "The server must be told for which name it asks Let's Encrypt."
  }

  assert {
    condition = one([
      for statement in jsondecode(data.aws_iam_policy_document.certificate["name"].json).Statement : statement
      if statement.Sid == "Record"
      ]) == {
      Sid      = "Record"
      Effect   = "Allow"
      Action   = "route53:ChangeResourceRecordSets"
      Resource = "arn:aws:route53:::hostedzone/Z1"
      Condition = {
        "ForAllValues:StringEquals" = {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames" = "_acme-challenge.mlflow.example.com"
          "route53:ChangeResourceRecordSetsRecordTypes"           = "TXT"
          "route53:ChangeResourceRecordSetsActions"               = ["DELETE", "UPSERT"]
        }
        Null = {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames" = "false"
          "route53:ChangeResourceRecordSetsRecordTypes"           = "false"
          "route53:ChangeResourceRecordSetsActions"               = "false"
        }
      }
    }
    error_message = "The server may write the one record that Let's Encrypt asks for, into the one zone."
  }

  assert {
    condition     = output.tracking_uri == "https://mlflow.example.com:5000"
    error_message = "People use the name."
  }
}

run "people_come_in_from_allowed_cidrs_only" {
  command = plan
  variables {
    allowed_cidrs = ["203.0.113.7/32", "2001:db8::/64"]
    domain_name   = "mlflow.notexample.com"
  }

  assert {
    condition = {
      for rule in aws_vpc_security_group_ingress_rule.people : "${rule.from_port} ${coalesce(rule.cidr_ipv4, rule.cidr_ipv6)}" => true
      } == {
      "22 203.0.113.7/32"   = true
      "22 2001:db8::/64"    = true
      "5000 203.0.113.7/32" = true
      "5000 2001:db8::/64"  = true
    }
    error_message = "MLflow and SSH are open to the named networks, and to no other."
  }

  assert {
    condition     = length(aws_route53_record.server) == 0
    error_message = "No zone of this account owns the name."
  }

  assert {
    condition     = local.public_name == "" && length(aws_iam_role_policy.certificate) == 0
    error_message = "Who keeps the name elsewhere cannot prove it by a record here, and needs no right for it."
  }

  assert {
    condition = alltrue([
      for path in ["/etc/nginx/nginx.conf", "/etc/systemd/system/mlflow.service", "/opt/mlflow/requirements.txt", "/opt/mlflow/setup"] :
      contains(keys(local.server_files), path)
    ])
    error_message = "The bucket must hold nginx's settings, the service, the locked packages and what installs them."
  }
}

run "an_account_without_any_zone_keeps_no_record" {
  command = plan

  override_data {
    target = data.aws_route53_zones.all
    values = { ids = null }
  }

  variables {
    domain_name = "mlflow.example.com"
  }

  assert {
    condition     = length(aws_route53_record.server) == 0
    error_message = "There is no zone that could hold the name."
  }
}

run "high_availability_has_two_servers_and_a_standby" {
  command = plan
  variables {
    high_availability = true
    certificate_arn   = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    domain_name       = "mlflow.example.com"
    allowed_cidrs     = ["203.0.113.7/32"]
  }

  assert {
    condition = alltrue([
      length(aws_instance.server) == 0,
      length(aws_eip.server) == 0,
      aws_autoscaling_group.server["server"].min_size == 2,
      aws_autoscaling_group.server["server"].health_check_type == "ELB",
      aws_db_instance.database.multi_az,
    ])
    error_message = "A group of two servers and a database with a standby are expected."
  }

  assert {
    condition = alltrue([
      !aws_lb.server["public"].internal,
      aws_lb.server["private"].internal,
      aws_lb.server["public"].enable_deletion_protection,
      aws_lb_listener.https["server"].protocol == "HTTPS",
      aws_lb_listener.redirect["server"].default_action[0].redirect[0].protocol == "HTTPS",
      aws_lb_target_group.server["public"].health_check[0].path == "/health",
    ])
    error_message = "People get TLS, jobs a private way, and both only a healthy server."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.people : rule.from_port]) == toset([22, 80, 443])
    error_message = "People reach the load balancer, and SSH."
  }

  assert {
    condition     = output.tracking_uri == "https://mlflow.example.com"
    error_message = "People use the domain name, with TLS."
  }

  assert {
    condition     = length(aws_route53_record.server["name"].alias) == 1
    error_message = "The name leads to the load balancer."
  }

  assert {
    condition     = local.public_name == "" && length(aws_iam_role_policy.certificate) == 0
    error_message = "The load balancer has a certificate of ACM, so the servers ask for none."
  }
}

run "what_cannot_work_is_refused" {
  command = plan
  variables {
    key_pair_name        = ""
    ec2_instance_type    = "t4g.medium"
    private_subnet_ids   = ["subnet-3"]
    db_allocated_storage = 5
    high_availability    = true
    office_hours         = { start = "8am", stop = "19:00" }
  }

  expect_failures = [
    var.certificate_arn,
    var.db_allocated_storage,
    var.ec2_instance_type,
    var.key_pair_name,
    var.office_hours,
    var.private_subnet_ids,
  ]
}

run "a_version_of_mlflow_that_is_not_shipped_is_refused" {
  command = plan

  variables {
    mlflow_version = "2.22.0"
  }

  expect_failures = [var.mlflow_version]
}

run "another_version_of_mlflow_is_another_server" {
  command = plan

  variables {
    mlflow_version = "3.16.1"
  }

  assert {
    condition     = strcontains(local.server_files["/opt/mlflow/requirements.txt"], "mlflow==3.16.1 ")
    error_message = "What is installed is what the lock of that version names, and so the user data is another one."
  }
}

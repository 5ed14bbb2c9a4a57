locals {
  database_user = "mlflow"
  database_logs = toset(["error", "slowquery"])

  # Performance Insights is not offered on the smallest burstable classes.
  performance_insights = !can(regex("^db\\.t[234]g?\\.(micro|small)$", var.db_instance_class))
}

resource "aws_db_subnet_group" "database" {
  name        = "${local.name}-database"
  description = "Private subnets of the MLflow database of ${var.project_name}"
  subnet_ids  = var.private_subnet_ids
}

resource "aws_db_parameter_group" "database" {
  name_prefix = "${local.name}-"
  description = "TLS only, and triggers although the binary log is on"
  family      = "mysql8.4"

  parameter {
    name  = "require_secure_transport"
    value = "1"
  }

  # MLflow's migrations create triggers, which MySQL refuses to an ordinary user while backups keep the binary log on.
  parameter {
    name  = "log_bin_trust_function_creators"
    value = "1"
  }

  parameter {
    name  = "slow_query_log"
    value = "1"
  }

  parameter {
    name  = "log_output"
    value = "FILE"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# RDS would create these itself, without retention, and leave them behind.
resource "aws_cloudwatch_log_group" "database" {
  #checkov:skip=CKV_AWS_338:30 days cover the search for a fault
  for_each = local.database_logs

  name              = "/aws/rds/instance/${local.name}/${each.key}"
  retention_in_days = 30
  kms_key_id        = local.kms_key_id
}

# Gives each database a name of its own for its last snapshot: a second one of the same name is refused.
resource "terraform_data" "database" {
  input = local.name
}

resource "aws_db_instance" "database" {
  #checkov:skip=CKV_AWS_118:enhanced monitoring writes to a log group that the whole account shares and destroy would leave behind
  #checkov:skip=CKV_AWS_157:a standby doubles the price; high_availability turns it on
  #checkov:skip=CKV_AWS_161:MLflow cannot log in to a database with IAM
  #checkov:skip=CKV_AWS_293:on unless discard_runs gives the runs up
  identifier     = local.name
  engine         = "mysql"
  engine_version = "8.4"
  instance_class = var.db_instance_class
  multi_az       = var.high_availability

  allocated_storage     = var.db_allocated_storage
  max_allocated_storage = var.db_allocated_storage * 5
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = local.kms_key_id

  db_name             = "mlflow"
  username            = local.database_user
  password_wo         = jsondecode(ephemeral.aws_secretsmanager_secret_version.server.secret_string).password
  password_wo_version = local.secret_version

  db_subnet_group_name   = aws_db_subnet_group.database.name
  parameter_group_name   = aws_db_parameter_group.database.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  backup_retention_period    = 7
  backup_window              = "02:00-03:00"
  maintenance_window         = "sun:03:30-sun:04:30"
  auto_minor_version_upgrade = true
  apply_immediately          = true
  deletion_protection        = !var.discard_runs
  skip_final_snapshot        = !var.db_snapshot_on_destroy
  final_snapshot_identifier  = "${local.name}-final-${substr(terraform_data.database.id, 0, 8)}"
  copy_tags_to_snapshot      = true

  enabled_cloudwatch_logs_exports = local.database_logs
  performance_insights_enabled    = local.performance_insights
  performance_insights_kms_key_id = local.performance_insights ? local.kms_key_id : null

  depends_on = [aws_cloudwatch_log_group.database]
}

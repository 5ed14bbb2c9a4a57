# One secret holds what only the server may know. The values are made by AWS, handed on as ephemeral values and
# write-only arguments, and so never stand in a plan or in the state.

locals {
  # Raise it to make new passwords, and a new certificate authority: both places below follow in the same apply.
  secret_version = 1
}

resource "aws_secretsmanager_secret" "server" {
  #checkov:skip=CKV2_AWS_57:rotation needs a function inside the VPC; the server picks a changed password up by itself
  # A deleted secret blocks its name for weeks, so each deployment gets a name of its own.
  name_prefix             = "${local.name}-"
  description             = "Database and administrator passwords of the MLflow server of ${var.project_name}"
  kms_key_id              = local.kms_key_id
  recovery_window_in_days = var.discard_runs ? 0 : 30
}

ephemeral "aws_secretsmanager_random_password" "server" {
  for_each = toset(["database", "admin", "session", "authority", "jobs"])

  # Depends on the secret on purpose: a plan that has no secret to fill yet makes no passwords either.
  password_length     = length(aws_secretsmanager_secret.server.arn) > 0 ? 40 : 0
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "server" {
  secret_id = aws_secretsmanager_secret.server.id
  secret_string_wo = jsonencode({
    username       = local.database_user
    password       = ephemeral.aws_secretsmanager_random_password.server["database"].random_password
    admin_username = "admin"
    admin_password = ephemeral.aws_secretsmanager_random_password.server["admin"].random_password
    session_key    = ephemeral.aws_secretsmanager_random_password.server["session"].random_password
    authority_seed = ephemeral.aws_secretsmanager_random_password.server["authority"].random_password
  })
  secret_string_wo_version = local.secret_version
}

# The database gets what the secret holds, not what was made in this run: a random value differs in each run, and an
# apply that ends between the two would leave them with different passwords for good. `arn` (and not `secret_id`) is
# unknown until the value has been written, which keeps a plan from reading a secret that is still empty.
ephemeral "aws_secretsmanager_secret_version" "server" {
  secret_id = aws_secretsmanager_secret_version.server.arn
}

# Notebooks and terminals of every space find MLflow by themselves.

locals {
  # Runs as the user at each start of an app, within five minutes; the home directory outlives the app.
  start_script = <<-EOT
    #!/bin/sh
    set -eu
    startup="$HOME/.ipython/profile_default/startup"
    mkdir -p "$startup" "$HOME/.config"
    echo 'import os; os.environ.setdefault("MLFLOW_TRACKING_URI", "${local.mlflow_arn}")' > "$startup/00-${var.project_name}.py"
    echo 'export MLFLOW_TRACKING_URI="$${MLFLOW_TRACKING_URI:-${local.mlflow_arn}}"' > "$HOME/.config/${var.project_name}.sh"
    line='. "$HOME/.config/${var.project_name}.sh"'
    grep -qxF "$line" "$HOME/.bashrc" 2>/dev/null || echo "$line" >> "$HOME/.bashrc"
  EOT
}

resource "aws_sagemaker_studio_lifecycle_config" "tracking" {
  for_each = local.apps

  # A script cannot be changed and cannot go while the domain names it: a new one gets a new name and comes first.
  studio_lifecycle_config_name     = "${var.project_name}-tracking-${each.value}-${substr(sha256(local.start_script), 0, 8)}"
  studio_lifecycle_config_app_type = each.key
  studio_lifecycle_config_content  = base64encode(local.start_script)

  lifecycle {
    create_before_destroy = true
  }
}

# What a new space finds: the address of MLflow, an example, and a kernel with yolops and its packages.

locals {
  space_files = "${path.module}/space"
  # `yolops init` puts yolops itself there; without Python the rest works without it.
  wheels        = { for name in fileset(local.space_files, "*.whl") : "wheel" => "${local.space_files}/${name}" }
  space_objects = merge({ requirements = "${local.space_files}/requirements.txt" }, local.wheels)

  # As `terraform output -json` has it, for who has no state of Terraform.
  description = merge(var.platform, {
    deployment_mode       = "studio"
    tracking_uri          = local.mlflow_arn
    training_tracking_uri = local.mlflow_arn
    mlflow_ui_url         = local.mlflow_ui_url
  })

  # Runs as the user at each start of an app, within five minutes; the home directory outlives the app.
  start_script = templatefile("${local.space_files}/start.sh", {
    project             = var.project_name
    region              = local.region
    bucket              = var.bucket_name
    tracking_uri        = local.mlflow_arn
    platform            = base64gzip(jsonencode({ for name, value in local.description : name => { value = value } }))
    notebook            = base64gzip(file("${local.space_files}/example.ipynb"))
    requirements_key    = aws_s3_object.space["requirements"].key
    requirements_sha256 = filesha256(local.space_objects.requirements)
    wheel_key           = try(aws_s3_object.space["wheel"].key, "")
    wheel_sha256        = try(filesha256(local.wheels.wheel), "")
  })
}

# Named by its content, and known by it: nobody who can write to the bucket can change what a space installs.
resource "aws_s3_object" "space" {
  #checkov:skip=CKV_AWS_186:encrypted as everything in the bucket is, with kms_key_arn where it is given
  for_each = local.space_objects

  bucket = var.protected_bucket_name
  key    = "studio/${filesha256(each.value)}/${basename(each.value)}"
  source = each.value
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

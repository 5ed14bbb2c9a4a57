# The Studio domain, its users, and a private space for each user and each kind of app that is wanted.

resource "aws_sagemaker_domain" "studio" {
  domain_name     = coalesce(var.studio_domain_name, "${var.project_name}-studio")
  auth_mode       = "IAM"
  vpc_id          = var.vpc_id
  subnet_ids      = var.private_subnet_ids
  kms_key_id      = local.kms_key_id
  tag_propagation = "ENABLED"

  # Notebooks fetch packages over a way that SageMaker keeps; VpcOnly would need a NAT gateway and half a dozen endpoints.
  app_network_access_type = "PublicInternetOnly"

  default_user_settings {
    execution_role      = aws_iam_role.user.arn
    default_landing_uri = "studio::"
    studio_web_portal   = "ENABLED"

    studio_web_portal_settings {
      hidden_app_types = setunion(
        ["Canvas", "JupyterServer", "RStudioServerPro"],
        [for app, wanted in local.wanted : app if !wanted],
      )
    }

    # Both are always given, wanted or not: SageMaker keeps settings that an update leaves out.
    jupyter_lab_app_settings {
      lifecycle_config_arns = [aws_sagemaker_studio_lifecycle_config.tracking["JupyterLab"].arn]
      default_resource_spec {
        instance_type        = local.space_instance_type
        lifecycle_config_arn = aws_sagemaker_studio_lifecycle_config.tracking["JupyterLab"].arn
      }
      app_lifecycle_management {
        idle_settings {
          lifecycle_management        = "ENABLED"
          idle_timeout_in_minutes     = var.studio_idle_minutes
          min_idle_timeout_in_minutes = 60
          max_idle_timeout_in_minutes = var.studio_idle_minutes
        }
      }
    }

    code_editor_app_settings {
      lifecycle_config_arns = [aws_sagemaker_studio_lifecycle_config.tracking["CodeEditor"].arn]
      default_resource_spec {
        instance_type        = local.space_instance_type
        lifecycle_config_arn = aws_sagemaker_studio_lifecycle_config.tracking["CodeEditor"].arn
      }
      app_lifecycle_management {
        idle_settings {
          lifecycle_management        = "ENABLED"
          idle_timeout_in_minutes     = var.studio_idle_minutes
          min_idle_timeout_in_minutes = 60
          max_idle_timeout_in_minutes = var.studio_idle_minutes
        }
      }
    }
  }

  # Home directories go with the domain: nothing is left to pay for after a destroy.
  retention_policy {
    home_efs_file_system = "Delete"
  }

  lifecycle {
    ignore_changes = [retention_policy] # unknown after an import: the domain and its files would be made anew
  }
}

resource "aws_sagemaker_user_profile" "user" {
  for_each = toset(var.studio_users)

  domain_id         = aws_sagemaker_domain.studio.id
  user_profile_name = each.key

  user_settings {
    execution_role = aws_iam_role.user.arn
  }
}

locals {
  space_instance_type = "ml.t3.medium"
  spaces = {
    for pair in setproduct(var.studio_users, keys(local.apps)) :
    "${pair[0]}-${local.apps[pair[1]]}" => { user = pair[0], app = pair[1] } if local.wanted[pair[1]]
  }
}

resource "aws_sagemaker_space" "space" {
  for_each = local.spaces

  domain_id  = aws_sagemaker_domain.studio.id
  space_name = each.key

  ownership_settings {
    owner_user_profile_name = aws_sagemaker_user_profile.user[each.value.user].user_profile_name
  }

  space_sharing_settings {
    sharing_type = "Private"
  }

  space_settings {
    app_type = each.value.app

    dynamic "jupyter_lab_app_settings" {
      for_each = each.value.app == "JupyterLab" ? [each.value.app] : []
      content {
        default_resource_spec {
          instance_type        = local.space_instance_type
          lifecycle_config_arn = aws_sagemaker_studio_lifecycle_config.tracking[each.value.app].arn
        }
      }
    }

    dynamic "code_editor_app_settings" {
      for_each = each.value.app == "CodeEditor" ? [each.value.app] : []
      content {
        default_resource_spec {
          instance_type        = local.space_instance_type
          lifecycle_config_arn = aws_sagemaker_studio_lifecycle_config.tracking[each.value.app].arn
        }
      }
    }

    space_storage_settings {
      ebs_storage_settings {
        ebs_volume_size_in_gb = 20
      }
    }
  }

  lifecycle {
    # Users choose a bigger machine, image or disk in Studio; that is no drift.
    ignore_changes = [
      space_settings[0].jupyter_lab_app_settings[0].default_resource_spec[0].instance_type,
      space_settings[0].jupyter_lab_app_settings[0].default_resource_spec[0].sagemaker_image_arn,
      space_settings[0].code_editor_app_settings[0].default_resource_spec[0].instance_type,
      space_settings[0].code_editor_app_settings[0].default_resource_spec[0].sagemaker_image_arn,
      space_settings[0].space_storage_settings,
    ]
  }
}

variable "project_name" {
  type        = string
  description = "Prefix of every name in this module."
  nullable    = false
}

variable "vpc_id" {
  type        = string
  description = "VPC of the Studio domain and of the private way to MLflow."
  nullable    = false
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Private subnets: Studio's home directories and the endpoint of MLflow live there."
  nullable    = false
}

variable "bucket_name" {
  type        = string
  description = "Bucket of the platform; MLflow uses its prefix mlflow/ only."
  nullable    = false
}

variable "bucket_arn" {
  type        = string
  description = "ARN of that bucket."
  nullable    = false
}

variable "training_role_arn" {
  type        = string
  description = "Role that Studio users may hand to training jobs."
  nullable    = false
}

variable "training_security_group_id" {
  type        = string
  description = "Security group of the training jobs: it may reach MLflow through the endpoint."
  nullable    = false
}

variable "studio_domain_name" {
  type        = string
  description = "Name of the Studio domain; empty for the project's name with -studio."
  default     = ""
  nullable    = false

  validation {
    condition     = var.studio_domain_name == "" || can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", var.studio_domain_name))
    error_message = "studio_domain_name: up to 63 letters, digits and single hyphens between them, for example vision-studio."
  }
}

variable "enable_studio_code_editor" {
  type        = bool
  description = "Give each user a Code Editor space; off hides Code Editor."
  default     = true
  nullable    = false
}

variable "enable_studio_jupyter_server" {
  type        = bool
  description = "Give each user a JupyterLab space; off hides JupyterLab. (Studio Classic can no longer be created.)"
  default     = true
  nullable    = false
}

variable "studio_mlflow" {
  type        = string
  description = "Managed MLflow: app (serverless, minutes to create, no hourly charge) or tracking_server (about 25 minutes, charged by the hour)."
  default     = "app"
  nullable    = false

  validation {
    condition     = contains(["app", "tracking_server"], var.studio_mlflow)
    error_message = "studio_mlflow must be \"app\" or \"tracking_server\"."
  }
}

variable "studio_users" {
  type        = list(string)
  description = "User profiles of the domain."
  default     = ["default"]
  nullable    = false

  validation {
    condition     = alltrue([for user in var.studio_users : can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,50}$", user))])
    error_message = "studio_users: each name is up to 51 letters, digits and single hyphens between them, for example jane-doe."
  }

  validation {
    condition     = length(var.studio_users) == length(distinct(var.studio_users))
    error_message = "studio_users names somebody twice."
  }
}

variable "studio_idle_minutes" {
  type        = number
  description = "An app that has been idle for so long is stopped; users cannot raise it."
  default     = 60
  nullable    = false

  validation {
    condition     = var.studio_idle_minutes >= 60 && var.studio_idle_minutes <= 525600 && floor(var.studio_idle_minutes) == var.studio_idle_minutes
    error_message = "studio_idle_minutes must be a whole number from 60 to 525600: SageMaker takes no other."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key for home directories and the log; empty for the keys AWS manages."
  default     = ""
  nullable    = false
}

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

variable "protected_bucket_name" {
  type        = string
  description = "The same name, known once the bucket is encrypted and closed: for what is put into it."
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

variable "training_image_arns" {
  type        = list(string)
  description = "Repositories that training jobs take their images from."
  nullable    = false
}

variable "training_security_group_id" {
  type        = string
  description = "Security group of the training jobs: it may reach MLflow through the endpoint."
  nullable    = false
}

variable "platform" {
  type        = any
  description = "What else the outputs of the platform say, by their names: spaces are told of it."
  default     = {}
}

variable "studio_domain_name" {
  type        = string
  description = "Name of the Studio domain; empty for the project's name with -studio."
  default     = ""
  nullable    = false
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
}

variable "studio_users" {
  type        = list(string)
  description = "User profiles of the domain."
  default     = ["default"]
  nullable    = false
}

variable "studio_idle_minutes" {
  type        = number
  description = "An app that has been idle for so long is stopped; users cannot raise it."
  default     = 60
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key for home directories and the log; empty for the keys AWS manages."
  default     = ""
  nullable    = false
}

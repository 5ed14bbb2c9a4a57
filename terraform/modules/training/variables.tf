variable "project_name" {
  type        = string
  description = "Prefix of every name in this module, and of the names of jobs."
  nullable    = false
}

variable "bucket_name" {
  type        = string
  description = "Bucket of the platform."
  nullable    = false
}

variable "bucket_arn" {
  type        = string
  description = "ARN of that bucket; a job reads datasets/ and jobs/, writes jobs/, and with managed MLflow reads and writes mlflow/artifacts/."
  nullable    = false
}

variable "vpc_id" {
  type        = string
  description = "VPC that training jobs join."
  nullable    = false
}

variable "vpc_cidr" {
  type        = string
  description = "Its network."
  nullable    = false
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Subnets that training jobs run in."
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of bucket, images and disks; AWS's own keys when empty."
  default     = ""
  nullable    = false
}

variable "tracking_statement_arns" {
  type        = list(string)
  description = "ARNs of the managed MLflow that jobs log to; none in custom mode."
  default     = []
  nullable    = false
}

variable "login_secret_arns" {
  type        = list(string)
  description = "ARNs of the secrets with the login of jobs to MLflow; none in studio mode."
  default     = []
  nullable    = false
}

variable "github_repository" {
  type        = string
  description = "GitHub repository (`owner/name`) that may deploy; none when empty."
  default     = ""
  nullable    = false
}

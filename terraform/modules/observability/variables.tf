variable "project_name" {
  type        = string
  description = "Prefix of every name in this module."
  nullable    = false
}

variable "deployment_mode" {
  type        = string
  description = "`studio` or `custom`: what there is to watch."
  nullable    = false
}

variable "high_availability" {
  type        = bool
  description = "Custom mode behind a load balancer."
  default     = false
  nullable    = false
}

variable "bucket_name" {
  type        = string
  description = "Bucket of the platform."
  nullable    = false
}

variable "bucket_arn" {
  type        = string
  description = "ARN of that bucket; the trail records who writes to it."
  nullable    = false
}

variable "delete_bucket_contents" {
  type        = bool
  description = "Let a destroy delete the audit logs with their bucket."
  default     = false
  nullable    = false
}

variable "alarm_email" {
  type        = string
  description = "Address that alarms and the budget write to; without it alarms show on the dashboard only."
  default     = ""
  nullable    = false
}

variable "monthly_budget_usd" {
  type        = number
  description = "Monthly budget of the account in US dollars; none when 0."
  default     = 0
  nullable    = false
}

variable "audit_trail" {
  type        = bool
  description = "Record who did what in the account and who wrote to the bucket."
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of topic, trail and audit logs; its policy must let CloudWatch and CloudTrail use it."
  default     = ""
  nullable    = false
}

variable "training_log_group_name" {
  type        = string
  description = "Log group of training jobs."
  nullable    = false
}

variable "server_log_group_name" {
  type        = string
  description = "Log group of the MLflow server; null in studio mode."
  default     = null
}

variable "server_instance_id" {
  type        = string
  description = "Instance of the MLflow server; null in studio mode and in high availability."
  default     = null
}

variable "db_identifier" {
  type        = string
  description = "RDS instance; null in studio mode."
  default     = null
}

variable "load_balancer_arn_suffix" {
  type        = string
  description = "Load balancer as CloudWatch metrics name it; null without high availability."
  default     = null
}

variable "project_name" {
  type        = string
  description = "Prefix of the bucket's name; account and region make it unique."
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key of the bucket; AES-256 with S3's own key when empty."
  default     = ""
  nullable    = false
}

variable "delete_bucket_contents" {
  type        = bool
  description = "Let a destroy delete the bucket with everything in it; otherwise a bucket that is not empty is kept."
  default     = false
  nullable    = false
}

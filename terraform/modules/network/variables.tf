variable "project_name" {
  type        = string
  description = "Prefix of every name in this module."
  nullable    = false
}

variable "vpc_id" {
  type        = string
  description = "Existing VPC; a new one is made when empty."
  default     = ""
  nullable    = false
}

variable "public_subnet_ids" {
  type        = list(string)
  description = "Public subnets of the existing VPC."
  default     = []
  nullable    = false
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Private subnets of the existing VPC."
  default     = []
  nullable    = false
}

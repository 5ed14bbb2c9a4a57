variable "project_name" {
  type        = string
  description = "Prefix of every name in this module."
  nullable    = false
}

variable "vpc_id" {
  type        = string
  description = "VPC of the server and the database."
  nullable    = false
}

variable "public_subnet_ids" {
  type        = list(string)
  description = "Public subnets: the first holds the server, two of them the load balancer and its servers in high availability."
  nullable    = false
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Private subnets of the database, in two zones at least (RDS asks for that)."
  nullable    = false

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "The database needs private subnets in two availability zones: give at least two private_subnet_ids."
  }
}

variable "bucket_name" {
  type        = string
  description = "Bucket of the platform; the server uses its prefixes mlflow/ and backups/ only."
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

variable "training_security_group_id" {
  type        = string
  description = "Security group of the training jobs: it may reach the tracking server."
  nullable    = false
}

variable "ec2_instance_type" {
  type        = string
  description = "Instance type of the MLflow server; it needs 4 GB of memory."
  default     = "t3.medium"
  nullable    = false

  validation {
    condition     = !can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)\\.", var.ec2_instance_type))
    error_message = "The server image is built for x86_64: choose an Intel or AMD instance type, for example t3.medium."
  }
}

variable "mlflow_version" {
  type        = string
  description = "Version of MLflow; `server/requirements-<version>.txt` says what is installed for it."
  default     = "3.17.2"
  nullable    = false

  validation {
    condition     = fileexists("${path.module}/server/requirements-${var.mlflow_version}.txt")
    error_message = "mlflow_version must be one that is shipped: ${join(", ", [for name in fileset("${path.module}/server", "requirements-*.txt") : trimsuffix(trimprefix(name, "requirements-"), ".txt")])}."
  }
}

variable "key_pair_name" {
  type        = string
  description = "EC2 key pair for SSH; needed unless admin_access is ssm."
  default     = ""
  nullable    = false

  validation {
    condition     = var.key_pair_name != "" || var.admin_access == "ssm"
    error_message = "Custom deployment mode requires key_pair_name to be set in terraform.tfvars"
  }
}

variable "admin_access" {
  type        = string
  description = "How people get a shell on the server: ssh (key and port 22) or ssm (Session Manager, no key, no port)."
  default     = "ssh"
  nullable    = false

  validation {
    condition     = contains(["ssh", "ssm"], var.admin_access)
    error_message = "admin_access must be \"ssh\" or \"ssm\"."
  }
}

variable "allowed_cidrs" {
  type        = list(string)
  description = "Networks that may reach MLflow (and SSH); empty means nobody outside the VPC."
  default     = []
  nullable    = false
}

variable "db_instance_class" {
  type        = string
  description = "RDS instance class of the database."
  default     = "db.t3.micro"
  nullable    = false
}

variable "db_allocated_storage" {
  type        = number
  description = "Size of the database disk in GB; RDS grows it by itself up to five times that."
  default     = 20
  nullable    = false

  validation {
    condition     = var.db_allocated_storage >= 20 && var.db_allocated_storage <= 13000
    error_message = "db_allocated_storage must be between 20 and 13000 GB."
  }
}

variable "high_availability" {
  type        = bool
  description = "Two servers behind a load balancer and a database with a standby in another zone."
  default     = false
  nullable    = false
}

variable "domain_name" {
  type        = string
  description = "Name people use for the server, for example mlflow.example.com; empty for the address AWS gives. Published, and certified by Let's Encrypt for the single server, where this account keeps its Route 53 zone."
  default     = ""
  nullable    = false
}

variable "certificate_arn" {
  type        = string
  description = "ACM certificate of the load balancer; high availability needs it."
  default     = ""
  nullable    = false

  validation {
    condition     = var.certificate_arn != "" || !var.high_availability
    error_message = "high_availability needs certificate_arn: request a certificate for domain_name in ACM and give its ARN, so that the load balancer can answer with TLS."
  }
}

variable "office_hours" {
  type = object({
    start    = string
    stop     = string
    timezone = optional(string, "UTC")
    days     = optional(string, "MON-FRI")
  })
  description = "When server and database run, for example { start = \"08:00\", stop = \"19:00\", timezone = \"Europe/Berlin\" }; null for always."
  default     = null

  validation {
    condition = var.office_hours == null || alltrue([
      for time in [try(var.office_hours.start, ""), try(var.office_hours.stop, "")] : can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", time))
    ])
    error_message = "office_hours: start and stop are times of day, for example \"08:00\" and \"19:00\"."
  }

  validation {
    condition     = var.office_hours == null || !var.high_availability
    error_message = "office_hours cannot be combined with high_availability: one stops the servers, the other keeps them running."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "KMS key for disks, database, secret and log; empty for the keys AWS manages."
  default     = ""
  nullable    = false
}

variable "discard_runs" {
  type        = bool
  description = "Gives up the protection of the runs: no deletion protection, secret deleted at once."
  default     = false
  nullable    = false
}

variable "db_snapshot_on_destroy" {
  type        = bool
  description = "Take a last snapshot when the database is destroyed."
  default     = true
  nullable    = false
}

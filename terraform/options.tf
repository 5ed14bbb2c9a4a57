# Options: each is off or cheap by default.

variable "admin_access" {
  type        = string
  description = "How people get a shell on the server: `ssh` (key pair, port 22) or `ssm` (Session Manager, no key, no port)."
  default     = "ssh"
  nullable    = false

  validation {
    condition     = contains(["ssh", "ssm"], var.admin_access)
    error_message = "admin_access must be \"ssh\" or \"ssm\"."
  }
}

variable "allowed_cidrs" {
  type        = list(string)
  description = "Networks from which people reach the server in custom mode, for example `[\"203.0.113.7/32\"]`; nobody when empty."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : try(cidrsubnet(cidr, 0, 0) == lower(cidr), false)])
    error_message = "allowed_cidrs holds networks with their length and no bits beyond it, for example \"203.0.113.7/32\" or \"198.51.100.0/24\"."
  }

  validation {
    # Two halves of the internet are the internet, so short prefixes are refused as well.
    condition     = var.allow_public_access || alltrue([for cidr in var.allowed_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, true)])
    error_message = "allowed_cidrs must not open the platform to everybody (0.0.0.0/0, ::/0 or anything wider than /8): name your own networks, or set allow_public_access = true if you mean it."
  }
}

variable "allow_public_access" {
  type        = bool
  description = "Accept 0.0.0.0/0 and other wide networks in allowed_cidrs."
  default     = false
  nullable    = false
}

variable "studio_mlflow" {
  type        = string
  description = "Managed MLflow of studio mode: `app` (serverless, minutes to create) or `tracking_server` (billed by the hour, about 25 minutes)."
  default     = "app"
  nullable    = false

  validation {
    condition     = contains(["app", "tracking_server"], var.studio_mlflow)
    error_message = "studio_mlflow must be \"app\" or \"tracking_server\"."
  }
}

variable "studio_users" {
  type        = list(string)
  description = "User profiles of the Studio domain."
  default     = ["default"]
  nullable    = false

  validation {
    condition = length(var.studio_users) > 0 && length(distinct(var.studio_users)) == length(var.studio_users) && alltrue([
      for user in var.studio_users : can(regex("^[A-Za-z0-9](-*[A-Za-z0-9]){0,47}$", user))
    ])
    error_message = "studio_users names at least one user, each once, with up to 48 letters, digits and hyphens."
  }
}

variable "studio_idle_minutes" {
  type        = number
  description = "Minutes after which an idle Studio space stops, and stops costing."
  default     = 60
  nullable    = false

  validation {
    condition     = var.studio_idle_minutes >= 60 && var.studio_idle_minutes <= 525600 && floor(var.studio_idle_minutes) == var.studio_idle_minutes
    error_message = "studio_idle_minutes is a whole number between 60 (SageMaker's minimum) and 525600."
  }
}

variable "vpc_id" {
  type        = string
  description = "Existing VPC to use instead of one of its own; needs the two lists of subnets, and S3 reachable from the private ones."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(vpc-[0-9a-f]+)?$", var.vpc_id))
    error_message = "vpc_id looks like \"vpc-0a1b2c3d\"."
  }
}

variable "public_subnet_ids" {
  type        = list(string)
  description = "Public subnets of the existing VPC, in two zones."
  default     = []
  nullable    = false

  validation {
    condition     = var.vpc_id == "" ? length(var.public_subnet_ids) == 0 : length(var.public_subnet_ids) >= 2
    error_message = "An existing VPC needs vpc_id, two or more public_subnet_ids and two or more private_subnet_ids: set all three or none."
  }
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Private subnets of the existing VPC, in two zones."
  default     = []
  nullable    = false

  validation {
    condition     = var.vpc_id == "" ? length(var.private_subnet_ids) == 0 : length(var.private_subnet_ids) >= 2
    error_message = "An existing VPC needs vpc_id, two or more public_subnet_ids and two or more private_subnet_ids: set all three or none."
  }
}

variable "high_availability" {
  type        = bool
  description = "Custom mode with two servers behind a load balancer and a database with a standby; needs certificate_arn."
  default     = false
  nullable    = false
}

variable "domain_name" {
  type        = string
  description = "Name under which people reach the server, for example `mlflow.example.com`; the address AWS gives when empty. In a Route 53 zone of this account it is published, and the single server gets a certificate of Let's Encrypt, whose terms you agree to."
  default     = ""
  nullable    = false

  validation {
    condition     = var.domain_name == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "domain_name is a host name without scheme or port, for example \"mlflow.example.com\"."
  }
}

variable "certificate_arn" {
  type        = string
  description = "ACM certificate of the load balancer; needed by, and only used in, high_availability."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+)?$", var.certificate_arn))
    error_message = "certificate_arn is the ARN of an ACM certificate."
  }

  validation {
    condition     = var.high_availability == (var.certificate_arn != "")
    error_message = "high_availability and certificate_arn go together: the load balancer answers with TLS only."
  }
}

variable "office_hours" {
  type = object({
    start    = string
    stop     = string
    timezone = optional(string, "UTC")
    days     = optional(string, "MON-FRI")
  })
  description = "When server and database run in custom mode, for example `{ start = \"08:00\", stop = \"19:00\", timezone = \"Europe/Berlin\" }`; always when null."
  default     = null

  validation {
    condition = var.office_hours == null ? true : alltrue([
      for time in [var.office_hours.start, var.office_hours.stop] : can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", time))
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
  description = "KMS key for everything that is stored; AWS's own keys when empty. Its policy must let CloudWatch and CloudTrail use it (README)."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+)?$", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key, for example \"arn:aws:kms:us-east-1:123456789012:key/…\" (an alias does not do)."
  }
}

variable "alarm_email" {
  type        = string
  description = "Address that alarms and the budget write to; AWS sends it a message to confirm."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([^@ ]+@[^@ ]+\\.[^@ ]+)?$", var.alarm_email))
    error_message = "alarm_email is one e-mail address."
  }
}

variable "monthly_budget_usd" {
  type        = number
  description = "Monthly budget in US dollars, of the whole account; alarm_email hears at 80 % and 100 %. None when 0."
  default     = 0
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd == 0 || (var.monthly_budget_usd > 0 && var.alarm_email != "")
    error_message = "monthly_budget_usd is not negative, and needs alarm_email: a budget that nobody hears of helps nobody."
  }
}

variable "audit_trail" {
  type        = bool
  description = "Record who did what in the account and who wrote to the bucket (CloudTrail, kept for a year)."
  default     = false
  nullable    = false
}

variable "github_repository" {
  type        = string
  description = "GitHub repository (`owner/name`) whose main branch or environment `production` may deploy through OIDC, without a stored key."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "github_repository is \"owner/name\", without wildcards."
  }
}

variable "discard_runs" {
  type        = bool
  description = "Let a switch of the mode or a destroy lose the runs, and take deletion protection away."
  default     = false
  nullable    = false
}

variable "delete_bucket_contents" {
  type        = bool
  description = "Let a destroy delete datasets, models and audit logs with their buckets."
  default     = false
  nullable    = false
}

variable "db_snapshot_on_destroy" {
  type        = bool
  description = "Take a last snapshot of the database when it is destroyed."
  default     = true
  nullable    = false
}

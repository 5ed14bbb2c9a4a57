# What a person may set in terraform.tfvars. Names and defaults of the first part are those of the quick start.

variable "aws_region" {
  type        = string
  description = "AWS region of the platform."
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region is the code of a region, for example \"eu-central-1\"."
  }
}

variable "project_name" {
  type        = string
  description = "Prefix of every name and value of the tag Project; a second platform in one account needs another."
  default     = "yolops"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.project_name)) && !strcontains(var.project_name, "--")
    error_message = "project_name has 3 to 32 characters: small letters, digits and single hyphens, a letter first and no hyphen last."
  }

  validation {
    condition     = !can(regex("^(aws|ssm|xn--|sthree-)", var.project_name))
    error_message = "project_name must not start with aws, ssm, xn-- or sthree-: AWS keeps these for itself."
  }
}

variable "deployment_mode" {
  type        = string
  description = "`studio` (SageMaker Studio and managed MLflow) or `custom` (MLflow on EC2 with RDS MySQL)."
  default     = "studio"
  nullable    = false

  validation {
    condition     = contains(["studio", "custom"], var.deployment_mode)
    error_message = "deployment_mode must be \"studio\" or \"custom\"."
  }
}

variable "sagemaker_instance_type" {
  type        = string
  description = "Instance type of training jobs that name no other."
  default     = "ml.g4dn.xlarge"
  nullable    = false

  validation {
    condition     = can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.sagemaker_instance_type))
    error_message = "sagemaker_instance_type is a SageMaker instance type, for example \"ml.g4dn.xlarge\"."
  }
}

variable "studio_domain_name" {
  type        = string
  description = "Name of the Studio domain; made from project_name when empty."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9](-*[A-Za-z0-9]){0,62})?$", var.studio_domain_name))
    error_message = "studio_domain_name has up to 63 letters, digits and hyphens, with no hyphen first or last."
  }
}

variable "enable_studio_code_editor" {
  type        = bool
  description = "Give every Studio user a Code Editor space."
  default     = true
  nullable    = false
}

variable "enable_studio_jupyter_server" {
  type        = bool
  description = "Give every Studio user a JupyterLab space (Studio Classic's Jupyter server can no longer be created)."
  default     = true
  nullable    = false
}

variable "ec2_instance_type" {
  type        = string
  description = "Instance type of the MLflow server in custom mode (x86_64, 4 GB of memory or more)."
  default     = "t3.medium"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.ec2_instance_type)) && !startswith(var.ec2_instance_type, "ml.")
    error_message = "ec2_instance_type is an EC2 instance type, for example \"t3.medium\"."
  }
}

variable "mlflow_version" {
  type        = string
  description = "MLflow of the server in custom mode; `yolops upgrade` sets it. Tables of another version are refused, not migrated."
  default     = "3.17.2"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+[.][0-9]+[.][0-9]+$", var.mlflow_version))
    error_message = "mlflow_version is a version of MLflow, for example \"3.17.2\"."
  }
}

variable "key_pair_name" {
  type        = string
  description = "EC2 key pair for SSH to the server; required in custom mode unless admin_access is `ssm`."
  default     = ""
  nullable    = false

  validation {
    condition     = var.deployment_mode != "custom" || var.admin_access == "ssm" || var.key_pair_name != ""
    error_message = "Custom deployment mode requires key_pair_name to be set in terraform.tfvars"
  }
}

variable "db_instance_class" {
  type        = string
  description = "RDS instance class of the database in custom mode."
  default     = "db.t3.micro"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.db_instance_class))
    error_message = "db_instance_class is an RDS instance class, for example \"db.t3.micro\"."
  }
}

variable "db_allocated_storage" {
  type        = number
  description = "Disk of the database in GB; it grows by itself up to five times that."
  default     = 20
  nullable    = false

  validation {
    condition     = var.db_allocated_storage >= 20 && var.db_allocated_storage <= 13000 && floor(var.db_allocated_storage) == var.db_allocated_storage
    error_message = "db_allocated_storage is a whole number of GB between 20 and 13000."
  }
}

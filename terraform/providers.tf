provider "aws" {
  region = var.aws_region

  default_tags {
    tags = {
      Project   = var.project_name # by this tag `yolops destroy` proves that nothing is left
      ManagedBy = "yolops"
    }
  }
}

terraform {
  required_version = ">= 1.11" # ephemeral values and write-only arguments: no password in state

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

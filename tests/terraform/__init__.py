"""What `terraform/` is, and what it promises."""

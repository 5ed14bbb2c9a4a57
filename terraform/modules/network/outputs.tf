output "vpc_id" {
  description = "VPC of the platform."
  value       = one(concat([for vpc in aws_vpc.own : vpc.id], [for vpc in data.aws_vpc.given : vpc.id]))
}

output "vpc_cidr" {
  description = "Addresses of that VPC."
  value       = one(concat([for vpc in aws_vpc.own : vpc.cidr_block], [for vpc in data.aws_vpc.given : vpc.cidr_block]))
}

output "public_subnet_ids" {
  description = "Subnets with a route to the internet."
  value       = length(local.own) == 0 ? var.public_subnet_ids : local.own_ids["public"]
}

output "private_subnet_ids" {
  description = "Subnets without one."
  value       = length(local.own) == 0 ? var.private_subnet_ids : local.own_ids["private"]
}

output "private_route_table_ids" {
  description = "Route tables of the private subnets; empty for an existing VPC, whose routes are not touched."
  value       = [for kind, table in aws_route_table.own : table.id if kind == "private"]
}

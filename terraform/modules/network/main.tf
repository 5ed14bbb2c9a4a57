# A VPC over two zones, or the one that is given. No NAT gateway: servers have an address of their own, and training
# jobs need S3, which the gateway endpoint reaches without charge.

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:subnets keep the zone that they were made in
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_vpc" "given" {
  for_each = local.given
  id       = var.vpc_id
}

locals {
  given = var.vpc_id == "" ? toset([]) : toset(["vpc"])
  own   = var.vpc_id == "" ? toset(["vpc"]) : toset([])

  cidr  = "10.20.0.0/16"
  zones = { a = 0, b = 1 }
  subnets = var.vpc_id != "" ? {} : {
    for pair in setproduct(["public", "private"], keys(local.zones)) : "${pair[0]}-${pair[1]}" => {
      kind = pair[0]
      zone = data.aws_availability_zones.available.names[local.zones[pair[1]]]
      cidr = cidrsubnet(local.cidr, 4, local.zones[pair[1]] + (pair[0] == "private" ? 8 : 0))
    }
  }
  own_ids = {
    for kind in ["public", "private"] :
    kind => [for name, subnet in local.subnets : aws_subnet.own[name].id if subnet.kind == kind]
  }
}

resource "aws_vpc" "own" {
  #checkov:skip=CKV2_AWS_11:flow logs are billed by volume and would cost more than the rest of this network
  for_each = local.own

  cidr_block           = local.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.project_name }
}

# Whatever is started without a group of its own gets this one, and can talk to nobody.
resource "aws_default_security_group" "closed" {
  for_each = local.own

  vpc_id = aws_vpc.own[each.key].id
  tags   = { Name = "${var.project_name}-default-closed" }
}

resource "aws_subnet" "own" {
  for_each = local.subnets

  vpc_id            = aws_vpc.own["vpc"].id
  availability_zone = each.value.zone
  cidr_block        = each.value.cidr
  tags              = { Name = "${var.project_name}-${each.key}" }

  lifecycle {
    ignore_changes = [availability_zone] # a zone that comes or goes must not move what is there
  }
}

resource "aws_internet_gateway" "own" {
  for_each = local.own

  vpc_id = aws_vpc.own[each.key].id
  tags   = { Name = var.project_name }
}

resource "aws_route_table" "own" {
  for_each = length(local.own) == 0 ? toset([]) : toset(["public", "private"])

  vpc_id = aws_vpc.own["vpc"].id
  tags   = { Name = "${var.project_name}-${each.key}" }
}

resource "aws_route" "internet" {
  for_each = local.own

  route_table_id         = aws_route_table.own["public"].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.own[each.key].id
}

resource "aws_route_table_association" "own" {
  for_each = local.subnets

  subnet_id      = aws_subnet.own[each.key].id
  route_table_id = aws_route_table.own[each.value.kind].id
}

resource "aws_vpc_endpoint" "s3" {
  for_each = local.own

  vpc_id            = aws_vpc.own[each.key].id
  service_name      = "com.amazonaws.${data.aws_region.current.id}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.own : table.id]
  tags              = { Name = "${var.project_name}-s3" }
}

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }

  mock_data "aws_vpc" {
    defaults = { id = "vpc-0a1b2c3d", cidr_block = "172.31.0.0/16" }
  }
}

variables {
  project_name = "yolo"
}

run "makes_a_vpc_over_two_zones_that_lets_nothing_in_by_itself" {
  command = apply

  assert {
    condition     = toset([for subnet in aws_subnet.own : subnet.availability_zone]) == toset(["eu-central-1a", "eu-central-1b"])
    error_message = "public and private subnets lie in two zones"
  }

  assert {
    condition     = length(output.public_subnet_ids) == 2 && length(output.private_subnet_ids) == 2 && length(setintersection(output.public_subnet_ids, output.private_subnet_ids)) == 0
    error_message = "two public and two private subnets"
  }

  assert {
    condition     = length(distinct([for subnet in aws_subnet.own : subnet.cidr_block])) == 4
    error_message = "no two subnets share addresses"
  }

  assert {
    condition     = !anytrue([for subnet in aws_subnet.own : coalesce(subnet.map_public_ip_on_launch, false)])
    error_message = "nothing gets a public address by itself"
  }

  assert {
    condition     = length(aws_default_security_group.closed["vpc"].ingress) + length(aws_default_security_group.closed["vpc"].egress) == 0
    error_message = "the default security group is closed"
  }

  assert {
    condition     = aws_route.internet["vpc"].route_table_id == aws_route_table.own["public"].id
    error_message = "only public subnets have a way to the internet"
  }

  assert {
    condition     = aws_vpc_endpoint.s3["vpc"].vpc_endpoint_type == "Gateway" && contains(aws_vpc_endpoint.s3["vpc"].route_table_ids, one(output.private_route_table_ids))
    error_message = "private subnets reach S3 without a NAT gateway"
  }
}

run "uses_the_vpc_that_it_is_given_and_makes_nothing" {
  command = apply

  variables {
    vpc_id             = "vpc-0a1b2c3d"
    public_subnet_ids  = ["subnet-1", "subnet-2"]
    private_subnet_ids = ["subnet-3", "subnet-4"]
  }

  assert {
    condition     = length(aws_vpc.own) + length(aws_subnet.own) + length(aws_route_table.own) + length(aws_vpc_endpoint.s3) == 0
    error_message = "an existing VPC is left as it is"
  }

  assert {
    condition     = output.vpc_id == "vpc-0a1b2c3d" && output.vpc_cidr == "172.31.0.0/16" && output.private_subnet_ids == tolist(["subnet-3", "subnet-4"])
    error_message = "the outputs describe the existing VPC"
  }
}

# Who may talk to whom. There is no rule that lets the internet in unless allowed_cidrs names it.

locals {
  # The web address of the platform: the server itself, or the load balancer in front of it.
  front_ports = var.high_availability ? { https = 443, http = 80 } : { mlflow = local.port }
  people_ports = merge(
    { for label, port in local.front_ports : label => { port = port, group = var.high_availability ? "public" : "server" } },
    var.admin_access == "ssh" ? { ssh = { port = 22, group = "server" } } : {},
  )
  people_rules = {
    for pair in setproduct(keys(local.people_ports), var.allowed_cidrs) :
    "${pair[0]} ${pair[1]}" => merge(local.people_ports[pair[0]], { cidr = pair[1] })
  }

  web_groups = merge({ server = aws_security_group.server.id }, { for side, group in aws_security_group.balancer : side => group.id })
  # Where training jobs knock: at the server, or at the private load balancer.
  jobs_group = var.high_availability ? "private" : "server"
}

resource "aws_security_group" "server" {
  name        = "${local.name}-server"
  description = "MLflow server of ${var.project_name}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.name}-server" }
}

resource "aws_security_group" "database" {
  name        = "${local.name}-database"
  description = "MLflow database of ${var.project_name}: reached by the server only"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.name}-database" }
}

resource "aws_security_group" "balancer" {
  for_each = local.balancers

  name        = "${local.name}-${each.key}-balancer"
  description = "Load balancer (${each.key}) of the MLflow servers of ${var.project_name}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.name}-${each.key}-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "people" {
  for_each = local.people_rules

  security_group_id = local.web_groups[each.value.group]
  description       = "People: ${each.key}"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = strcontains(each.value.cidr, ":") ? null : each.value.cidr
  cidr_ipv6         = strcontains(each.value.cidr, ":") ? each.value.cidr : null
}

resource "aws_vpc_security_group_ingress_rule" "jobs" {
  security_group_id            = local.web_groups[local.jobs_group]
  description                  = "Training jobs, inside the VPC"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = var.training_security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "server_from_balancer" {
  for_each = local.balancers

  security_group_id            = aws_security_group.server.id
  description                  = "Load balancer (${each.key})"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = aws_security_group.balancer[each.key].id
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_server" {
  for_each = local.balancers

  security_group_id            = aws_security_group.balancer[each.key].id
  description                  = "MLflow servers"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = aws_security_group.server.id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  description                  = "MLflow server"
  ip_protocol                  = "tcp"
  from_port                    = 3306
  to_port                      = 3306
  referenced_security_group_id = aws_security_group.server.id
}

resource "aws_vpc_security_group_egress_rule" "server_to_database" {
  security_group_id            = aws_security_group.server.id
  description                  = "MLflow database"
  ip_protocol                  = "tcp"
  from_port                    = 3306
  to_port                      = 3306
  referenced_security_group_id = aws_security_group.database.id
}

# Package mirrors and the AWS interfaces have no fixed addresses, so these two ports are open outwards.
resource "aws_vpc_security_group_egress_rule" "server_to_internet" {
  for_each = { "AWS and Python packages" = 443, "Debian packages" = 80 }

  security_group_id = aws_security_group.server.id
  description       = each.key
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_ipv4         = "0.0.0.0/0"
}

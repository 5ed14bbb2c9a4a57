# Publishes domain_name when this account keeps the public Route 53 zone it belongs to. Otherwise DNS is left to you:
# point the name at the output tracking_host.

locals {
  named = var.domain_name == "" ? {} : { name = var.domain_name }
  zones = {
    for zone in data.aws_route53_zone.candidate : trimsuffix(zone.name, ".") => zone.zone_id
    if zone.private_zone != true && endswith(".${var.domain_name}", ".${trimsuffix(zone.name, ".")}")
  }
  # Of example.com and ml.example.com, the longer one owns mlflow.ml.example.com.
  zone_name = try(reverse(sort([for name in keys(local.zones) : format("%03d %s", length(name), name)]))[0], "")
  zone_id   = local.zone_name == "" ? "" : local.zones[split(" ", local.zone_name)[1]]
  record    = local.zone_id == "" ? {} : local.named
}

data "aws_route53_zones" "all" {
  for_each = local.named
}

data "aws_route53_zone" "candidate" {
  # An account without any zone has no list of them at all.
  for_each = toset(flatten([for all in data.aws_route53_zones.all : coalesce(all.ids, [])]))

  zone_id = each.value
}

resource "aws_route53_record" "server" {
  for_each = local.record

  zone_id = local.zone_id
  name    = each.value
  type    = "A"
  ttl     = var.high_availability ? null : 60
  records = var.high_availability ? null : [local.public_host]

  dynamic "alias" {
    for_each = local.balanced
    content {
      name                   = aws_lb.server["public"].dns_name
      zone_id                = aws_lb.server["public"].zone_id
      evaluate_target_health = true
    }
  }
}

# A certificate that all clients know, for the one server under domain_name: Let's Encrypt signs it for whoever can write
# one record into the zone of the name, and so the server may. Behind a load balancer certificate_arn is for people.

locals {
  public      = var.high_availability ? {} : local.record
  public_name = join("", values(local.public))
}

data "aws_iam_policy_document" "certificate" {
  for_each = local.public

  statement {
    sid       = "Record"
    actions   = ["route53:ChangeResourceRecordSets"]
    resources = ["arn:${local.partition}:route53:::hostedzone/${local.zone_id}"]

    dynamic "condition" {
      for_each = {
        NormalizedRecordNames = ["_acme-challenge.${each.value}"]
        RecordTypes           = ["TXT"]
        Actions               = ["DELETE", "UPSERT"]
      }
      content {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSets${condition.key}"
        values   = condition.value
      }
    }

    # By itself "for all values" is true as well of no value.
    dynamic "condition" {
      for_each = toset(["NormalizedRecordNames", "RecordTypes", "Actions"])
      content {
        test     = "Null"
        variable = "route53:ChangeResourceRecordSets${condition.key}"
        values   = ["false"]
      }
    }
  }

  # certbot finds the zone by its name, and waits until the record is published.
  statement {
    sid       = "Zones"
    actions   = ["route53:ListHostedZones"]
    resources = ["*"] # it supports no resource
  }

  statement {
    sid       = "Published"
    actions   = ["route53:GetChange"]
    resources = ["arn:${local.partition}:route53:::change/*"] # a change has a number
  }
}

resource "aws_iam_role_policy" "certificate" {
  for_each = local.public

  name   = "certificate"
  role   = aws_iam_role.server.id
  policy = data.aws_iam_policy_document.certificate[each.key].json
}

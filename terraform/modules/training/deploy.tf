# Deploying from GitHub Actions without a stored key. The role may do what `terraform apply` and training jobs need, on
# what carries the project's name or tag. It may make roles of that name, so whoever may push to the main branch, or
# approve the environment, can give themselves more: protect both as you would protect an administrator's password.

locals {
  deployers = var.github_repository == "" ? toset([]) : toset(["github"])
  issuer    = "token.actions.githubusercontent.com"

  iam = "arn:${local.partition}:iam::${local.account}"
}

resource "aws_iam_openid_connect_provider" "github" {
  for_each = local.deployers

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "deploy_trust" {
  for_each = local.deployers

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github[each.key].arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    # Not pull requests: a fork's code would run with this role.
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values = [
        "repo:${var.github_repository}:ref:refs/heads/main",
        "repo:${var.github_repository}:environment:production",
      ]
    }
  }
}

resource "aws_iam_role" "deploy" {
  for_each = local.deployers

  name               = "${var.project_name}-deploy"
  description        = "GitHub Actions of ${var.github_repository} deploying ${var.project_name}"
  assume_role_policy = data.aws_iam_policy_document.deploy_trust[each.key].json
}

resource "aws_iam_policy" "deploy" {
  for_each = length(local.deployers) == 0 ? {} : {
    look     = data.aws_iam_policy_document.deploy_look.minified_json
    platform = data.aws_iam_policy_document.deploy_named["platform"].minified_json
    modes    = data.aws_iam_policy_document.deploy_named["modes"].minified_json
    studio   = data.aws_iam_policy_document.deploy_studio.minified_json
    network  = data.aws_iam_policy_document.deploy_network.minified_json
    roles    = data.aws_iam_policy_document.deploy_roles.minified_json
  }

  name        = "${var.project_name}-deploy-${each.key}"
  description = "GitHub Actions deploying ${var.project_name}: ${each.key}"
  policy      = each.value
}

resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = aws_iam_policy.deploy

  role       = aws_iam_role.deploy["github"].name
  policy_arn = each.value.arn
}

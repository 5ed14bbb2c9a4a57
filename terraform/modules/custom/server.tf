# The MLflow server: one instance with a fixed address, or a group of them behind a load balancer.

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian

  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }

  filter {
    name   = "state"
    values = ["available"]
  }
}

locals {
  user_data = templatefile("${path.module}/server.yaml.tftpl", {
    region        = local.region
    port          = local.port
    secret_arn    = aws_secretsmanager_secret.server.arn
    database_host = aws_db_instance.database.address
    database_name = aws_db_instance.database.db_name
    artifacts     = "s3://${var.bucket_name}/mlflow"
    allowed_hosts = compact([local.public_host, local.private_balancer, var.domain_name])
    install_ssm   = var.admin_access == "ssm"
  })
}

resource "aws_eip" "server" {
  for_each = local.single

  domain = "vpc"
  tags   = { Name = local.name }
}

resource "aws_eip_association" "server" {
  for_each = local.single

  allocation_id = aws_eip.server[each.key].id
  instance_id   = aws_instance.server[each.key].id
}

resource "aws_instance" "server" {
  #checkov:skip=CKV_AWS_126:one-minute metrics cost extra; alarms on health and disk need none
  for_each = local.single

  ami                         = data.aws_ami.debian.id
  instance_type               = var.ec2_instance_type
  subnet_id                   = var.public_subnet_ids[0]
  vpc_security_group_ids      = [aws_security_group.server.id]
  iam_instance_profile        = aws_iam_instance_profile.server.name
  key_name                    = var.admin_access == "ssh" ? var.key_pair_name : null
  ebs_optimized               = true
  user_data                   = local.user_data
  user_data_replace_on_change = true
  volume_tags                 = local.tags
  tags                        = { Name = local.name, Service = "mlflow" }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 20
    encrypted   = true
    kms_key_id  = local.kms_key_id
  }

  lifecycle {
    # A new image of Debian must not replace the server by surprise; `terraform apply -replace` takes it. What an import
    # does not know of the tags would be changed in every apply.
    ignore_changes = [ami, volume_tags]
  }

  # Its first start needs them.
  depends_on = [aws_iam_role_policy.server, aws_secretsmanager_secret_version.server]
}

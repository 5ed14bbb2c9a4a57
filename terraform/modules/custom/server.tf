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

# What the first boot writes and runs. No secret stands here: the services read their own at each start. EC2 takes 16 KB
# of user data, so it brings what fetches the rest from the bucket, and the hash by which that is known.
locals {
  server_ports = { port = local.port, inner_port = 5001, workers = 2 }
  server = merge(local.server_ports, {
    project      = var.project_name
    region       = local.region
    hosts        = compact([local.public_host, local.private_balancer, var.domain_name])
    secret_arn   = aws_secretsmanager_secret.server.arn
    database     = aws_db_instance.database.address
    schema       = aws_db_instance.database.db_name
    users_schema = "${aws_db_instance.database.db_name}_users"
    bucket       = var.bucket_name
    prefix       = "mlflow"
    log_group    = aws_cloudwatch_log_group.server.name
    public_name  = local.public_name
    files_key    = aws_s3_object.server_files.key
    files_sha256 = sha256(local.server_bundle)
  })
  server_source = "${path.module}/server"
  server_first  = ["__init__", "boot_report", "fetch", "instance", "settings"]
  server_files = merge(
    { for name in fileset(local.server_source, "yolops_server/*.py") : "/opt/mlflow/lib/${name}" => file("${local.server_source}/${name}") },
    { for name in fileset(local.server_source, "systemd/mlflow*") : "/etc/systemd/system/${basename(name)}" => templatefile("${local.server_source}/${name}", local.server_ports) },
    # The other versions are for trials of an upgrade.
    { for name in fileset(local.server_source, "requirements-*.txt") : "/opt/mlflow/locks/${name}" => file("${local.server_source}/${name}") },
    {
      "/etc/nginx/nginx.conf"                                = templatefile("${local.server_source}/nginx.conf", local.server_ports)
      "/etc/nginx/mlflow.conf"                               = file("${local.server_source}/mlflow.conf")
      "/etc/systemd/system/nginx.service.d/certificate.conf" = file("${local.server_source}/systemd/nginx-certificate.conf")
      "/opt/mlflow/requirements.txt"                         = file("${local.server_source}/requirements-${var.mlflow_version}.txt")
      "/opt/mlflow/setup"                                    = file("${local.server_source}/setup")
    },
  )
  server_bundle = jsonencode(local.server_files)
  cloud_config = {
    # An RSA key, which only clients from before 2014 ask for, takes up to a second.
    ssh_genkeytypes = ["ed25519", "ecdsa"]
    write_files = concat(
      [for name in local.server_first : { path = "/opt/mlflow/lib/yolops_server/${name}.py", encoding = "gz+b64", content = base64gzip(file("${local.server_source}/yolops_server/${name}.py")) }],
      [{ path = "/etc/mlflow/server.json", content = jsonencode(local.server) }],
    )
    runcmd = [
      ["env", "PYTHONPATH=/opt/mlflow/lib", "python3", "-m", "yolops_server.fetch"],
      ["/opt/mlflow/setup", local.region, var.admin_access, tostring(local.port), local.public_name],
    ]
  }
  # Not compressed as a whole: an imported instance would be made anew, since the provider reads that back as something else.
  user_data = "#cloud-config\n${yamlencode(local.cloud_config)}"
}

# Named by its content: a server that boots while another one is made still finds what it was told of.
resource "aws_s3_object" "server_files" {
  #checkov:skip=CKV_AWS_186:encrypted as everything in the bucket is, with kms_key_arn where it is given
  bucket         = var.protected_bucket_name
  key            = "mlflow/server/files/${sha256(local.server_bundle)}.json.gz"
  content_base64 = base64gzip(local.server_bundle)
  content_type   = "application/gzip"

  lifecycle {
    create_before_destroy = true
  }
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

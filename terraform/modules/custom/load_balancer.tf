# High availability: two load balancers, one for people and one for training jobs (a name that AWS gives to a public
# load balancer leads to its public addresses only, which private subnets cannot reach), in front of one group of servers.
# People get the certificate of domain_name; jobs reach the servers' own TLS through a balancer that only passes it on.

locals {
  balancers = var.high_availability ? {
    public  = { type = "application", subnets = var.public_subnet_ids, protocol = "HTTPS" }
    private = { type = "network", subnets = var.private_subnet_ids, protocol = "TCP" }
  } : {}
  private_balancer = var.high_availability ? aws_lb.server["private"].dns_name : ""
}

resource "aws_lb" "server" {
  #checkov:skip=CKV_AWS_91:an access log needs a bucket of its own; MLflow logs requests
  #checkov:skip=CKV_AWS_150:on unless discard_runs gives the runs up
  #checkov:skip=CKV2_AWS_28:reached from allowed_cidrs only, so a web application firewall would see known networks
  for_each = local.balancers

  name                       = "${substr(var.project_name, 0, 17)}-mlflow-${each.key}" # 32 characters at most
  internal                   = each.key == "private"
  load_balancer_type         = each.value.type
  subnets                    = each.value.subnets
  security_groups            = [aws_security_group.balancer[each.key].id]
  drop_invalid_header_fields = true
  enable_deletion_protection = !var.discard_runs

  # An application load balancer does so by itself; one that passes TLS on must be told.
  enable_cross_zone_load_balancing = true
}

resource "aws_lb_target_group" "server" {
  for_each = local.balancers

  name_prefix          = "mlf-"
  vpc_id               = var.vpc_id
  port                 = local.port
  protocol             = each.value.protocol
  deregistration_delay = 30

  health_check {
    protocol            = "HTTPS"
    path                = "/health"
    matcher             = "200"
    interval            = 15
    healthy_threshold   = 2
    unhealthy_threshold = 4
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "https" {
  for_each = local.balanced

  load_balancer_arn = aws_lb.server["public"].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.server["public"].arn
  }
}

resource "aws_lb_listener" "redirect" {
  for_each = local.balanced

  load_balancer_arn = aws_lb.server["public"].arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "jobs" {
  #checkov:skip=CKV_AWS_2:passes TLS on to the servers, where it ends
  #checkov:skip=CKV_AWS_103:as above
  for_each = local.balanced

  load_balancer_arn = aws_lb.server["private"].arn
  port              = local.port
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.server["private"].arn
  }
}

resource "aws_launch_template" "server" {
  #checkov:skip=CKV_AWS_88:servers fetch packages over the internet; the firewall lets nobody in but the load balancers
  for_each = local.balanced

  name_prefix            = "${local.name}-"
  image_id               = data.aws_ami.debian.id
  instance_type          = var.ec2_instance_type
  key_name               = var.admin_access == "ssh" ? var.key_pair_name : null
  ebs_optimized          = true
  update_default_version = true
  user_data              = base64encode(local.user_data)

  iam_instance_profile {
    name = aws_iam_instance_profile.server.name
  }

  network_interfaces {
    associate_public_ip_address = true
    security_groups             = [aws_security_group.server.id]
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_type           = "gp3"
      volume_size           = 20
      encrypted             = true
      kms_key_id            = local.kms_key_id
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]
    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }

  lifecycle {
    ignore_changes = [image_id] # as for the single server
  }
}

resource "aws_autoscaling_group" "server" {
  for_each = local.balanced

  name                      = local.name
  min_size                  = 2
  max_size                  = 3
  desired_capacity          = 2
  vpc_zone_identifier       = var.public_subnet_ids
  target_group_arns         = [for group in aws_lb_target_group.server : group.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 600

  launch_template {
    id      = aws_launch_template.server[each.key].id
    version = aws_launch_template.server[each.key].latest_version
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 50
    }
  }

  # The launch template tags what it starts; these find the group itself.
  dynamic "tag" {
    for_each = local.tags
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  depends_on = [aws_iam_role_policy.server, aws_secretsmanager_secret_version.server]
}

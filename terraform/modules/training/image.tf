# Where the image of training jobs comes from: AWS's own, or the repository of the platform.

locals {
  # The accounts that keep AWS's Deep Learning Containers, as aws_sagemaker_prebuilt_ecr_image has them. That data source
  # fails where it knows none, and with it a platform that has an image of its own.
  image_accounts = {
    af-south-1     = "626614931356"
    ap-east-1      = "871362719292"
    ap-northeast-3 = "364406365360"
    ap-south-2     = "772153158452"
    ap-southeast-3 = "907027046896"
    ap-southeast-4 = "457447274322"
    ca-west-1      = "204538143572"
    cn-north-1     = "727897471807"
    cn-northwest-1 = "727897471807"
    eu-central-2   = "380420809688"
    eu-south-1     = "692866216735"
    eu-south-2     = "503227376785"
    il-central-1   = "780543022126"
    me-central-1   = "914824155844"
    me-south-1     = "217643126080"
    us-gov-east-1  = "446045086412"
    us-gov-west-1  = "442386744353"
  }
  image_account = lookup(local.image_accounts, local.region, "763104351884")
  aws_images    = "arn:${local.partition}:ecr:${local.region}:${local.image_account}:repository/pytorch-training"
}

resource "aws_ecr_repository" "training" {
  #checkov:skip=CKV_AWS_136:encrypted with AES-256 unless kms_key_arn names a key
  name                 = local.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = true # an image is built again from the checkout, so it must not stop a destroy

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = var.kms_key_arn == "" ? "AES256" : "KMS"
    kms_key         = var.kms_key_arn == "" ? null : var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "training" {
  repository = aws_ecr_repository.training.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the ten newest images"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}

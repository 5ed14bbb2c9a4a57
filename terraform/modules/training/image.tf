# Where the image of training jobs is kept.

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

# The bucket of datasets, jobs and artifacts. It belongs to no mode, so it survives a switch with everything in it.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "platform" {
  #checkov:skip=CKV_AWS_19:encrypted below; the check cannot read an algorithm that depends on kms_key_arn
  #checkov:skip=CKV_AWS_18:audit_trail records writes to this bucket; access logs would need a second bucket
  #checkov:skip=CKV_AWS_144:a copy in another region doubles the price; versions protect from mistakes
  #checkov:skip=CKV_AWS_145:encrypted with AES-256 unless kms_key_arn names a key
  #checkov:skip=CKV2_AWS_62:nobody listens to events of this bucket
  bucket        = "${var.project_name}-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}"
  force_destroy = var.delete_bucket_contents
}

resource "aws_s3_bucket_versioning" "platform" {
  bucket = aws_s3_bucket.platform.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "platform" {
  bucket = aws_s3_bucket.platform.id

  rule {
    bucket_key_enabled = var.kms_key_arn != ""

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "platform" {
  bucket                  = aws_s3_bucket.platform.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "platform" {
  bucket = aws_s3_bucket.platform.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.platform.arn, "${aws_s3_bucket.platform.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "platform" {
  bucket = aws_s3_bucket.platform.id
  policy = data.aws_iam_policy_document.tls_only.json

  # S3 refuses a second change of the same bucket's access while the first is under way.
  depends_on = [aws_s3_bucket_public_access_block.platform]
}

resource "aws_s3_bucket_lifecycle_configuration" "platform" {
  bucket = aws_s3_bucket.platform.id

  rule {
    id     = "cheaper-when-unused"
    status = "Enabled"
    filter {}

    transition {
      days          = 30 # what lives shorter is not worth the price of the move
      storage_class = "INTELLIGENT_TIERING"
    }
  }

  rule {
    id     = "forget-old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.platform]
}

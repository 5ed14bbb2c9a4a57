# Who did what: a trail of the whole account, and of writes to the bucket of the platform.

locals {
  trails    = var.audit_trail ? toset(["audit"]) : toset([])
  trail     = "${var.project_name}-audit"
  trail_arn = "arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${local.trail}"
}

resource "aws_s3_bucket" "audit" {
  #checkov:skip=CKV_AWS_19:encrypted below; the check cannot read an algorithm that depends on kms_key_arn
  #checkov:skip=CKV_AWS_18:a log of reads of the log helps nobody
  #checkov:skip=CKV_AWS_144:a copy in another region doubles the price
  #checkov:skip=CKV_AWS_145:encrypted with AES-256 unless kms_key_arn names a key
  #checkov:skip=CKV2_AWS_62:nobody listens to events of this bucket
  for_each = local.trails

  bucket        = "${var.project_name}-audit-${local.account}-${local.region}"
  force_destroy = var.delete_bucket_contents
}

resource "aws_s3_bucket_versioning" "audit" {
  for_each = local.trails
  bucket   = aws_s3_bucket.audit[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "audit" {
  for_each = local.trails
  bucket   = aws_s3_bucket.audit[each.key].id

  rule {
    bucket_key_enabled = var.kms_key_arn != ""

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "audit" {
  for_each = local.trails

  bucket                  = aws_s3_bucket.audit[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "audit" {
  for_each = local.trails
  bucket   = aws_s3_bucket.audit[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "audit" {
  for_each = local.trails
  bucket   = aws_s3_bucket.audit[each.key].id

  rule {
    id     = "keep-a-year"
    status = "Enabled"
    filter {}

    expiration {
      days = 365
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.audit]
}

data "aws_iam_policy_document" "audit" {
  for_each = local.trails

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.audit[each.key].arn, "${aws_s3_bucket.audit[each.key].arn}/*"]

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

  dynamic "statement" {
    for_each = {
      "s3:GetBucketAcl" = aws_s3_bucket.audit[each.key].arn
      "s3:PutObject"    = "${aws_s3_bucket.audit[each.key].arn}/AWSLogs/${local.account}/*"
    }

    content {
      actions   = [statement.key]
      resources = [statement.value]

      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [local.trail_arn]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "audit" {
  for_each = local.trails

  bucket = aws_s3_bucket.audit[each.key].id
  policy = data.aws_iam_policy_document.audit[each.key].json

  # S3 refuses a second change of the same bucket's access while the first is under way.
  depends_on = [aws_s3_bucket_public_access_block.audit]
}

resource "aws_cloudtrail" "audit" {
  #checkov:skip=CKV_AWS_35:encrypted with AES-256 unless kms_key_arn names a key
  #checkov:skip=CKV_AWS_252:a message for every log file is noise
  #checkov:skip=CKV2_AWS_10:the bucket is the record; a second copy in CloudWatch is billed by volume
  for_each = local.trails

  name                       = local.trail
  s3_bucket_name             = aws_s3_bucket.audit[each.key].bucket
  kms_key_id                 = var.kms_key_arn == "" ? null : var.kms_key_arn
  is_multi_region_trail      = true
  enable_log_file_validation = true

  advanced_event_selector {
    name = "Management"

    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  # Reads are not recorded: a training job reads every image, and each event is billed.
  advanced_event_selector {
    name = "Writes to the bucket"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = ["${var.bucket_arn}/"]
    }

    field_selector {
      field  = "readOnly"
      equals = ["false"]
    }
  }

  depends_on = [aws_s3_bucket_policy.audit]
}

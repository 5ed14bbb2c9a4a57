mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::yolo-123456789012-eu-central-1" }
  }
}

variables {
  project_name = "yolo"
}

run "keeps_a_private_encrypted_versioned_bucket" {
  command = apply

  assert {
    condition     = output.bucket_name == "yolo-123456789012-eu-central-1"
    error_message = "the name is unique to project, account and region"
  }

  assert {
    condition     = aws_s3_bucket.platform.force_destroy == false
    error_message = "a bucket that is not empty survives a destroy"
  }

  assert {
    condition     = aws_s3_bucket_versioning.platform.versioning_configuration[0].status == "Enabled"
    error_message = "an overwritten object can be brought back"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.platform.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "encrypted without a key of one's own"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.platform.block_public_acls,
      aws_s3_bucket_public_access_block.platform.block_public_policy,
      aws_s3_bucket_public_access_block.platform.ignore_public_acls,
      aws_s3_bucket_public_access_block.platform.restrict_public_buckets,
    ])
    error_message = "nothing in the bucket can be made public"
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.tls_only.statement : statement if statement.effect == "Deny"]).condition != null
    error_message = "requests without TLS are denied"
  }

  assert {
    condition = toset([for rule in aws_s3_bucket_lifecycle_configuration.platform.rule : rule.id if rule.status == "Enabled"]) == toset([
      "cheaper-when-unused", "forget-old-versions", "abort-incomplete-uploads",
    ])
    error_message = "old versions, incomplete uploads and unused objects are seen to"
  }
}

run "uses_the_key_and_deletes_everything_only_when_told_so" {
  command = apply

  variables {
    kms_key_arn            = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
    delete_bucket_contents = true
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.platform.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    error_message = "encrypted with the given key"
  }

  assert {
    condition     = aws_s3_bucket.platform.force_destroy
    error_message = "delete_bucket_contents lets a destroy empty the bucket"
  }
}

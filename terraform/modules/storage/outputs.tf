output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.platform.bucket
}

# What is put into it waits for that, and goes before that goes.
output "protected_bucket_name" {
  description = "Name of the bucket, once it is versioned, encrypted and closed to the public."
  value       = aws_s3_bucket.platform.bucket

  depends_on = [
    aws_s3_bucket_ownership_controls.platform,
    aws_s3_bucket_policy.platform,
    aws_s3_bucket_public_access_block.platform,
    aws_s3_bucket_server_side_encryption_configuration.platform,
    aws_s3_bucket_versioning.platform,
  ]
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.platform.arn
}

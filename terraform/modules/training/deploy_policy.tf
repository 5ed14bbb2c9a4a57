# What the deploy role may do, service by service: the calls of `terraform plan`, `apply` and `destroy` and of training
# jobs. Actions are listed one by one, because a pattern would grow with every new feature of AWS.

locals {
  # Reading what supports no resource, or is asked for by ID. No content is read here.
  deploy_look = {
    acm                  = "DescribeCertificate"
    autoscaling          = "DescribeAutoScalingGroups DescribeInstanceRefreshes DescribeScalingActivities DescribeTags"
    cloudtrail           = "DescribeTrails ListTrails"
    cloudwatch           = "DescribeAlarms GetMetricData"
    ec2                  = "DescribeAccountAttributes DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeImages DescribeInstanceAttribute DescribeInstanceCreditSpecifications DescribeInstanceTypes DescribeInstances DescribeInternetGateways DescribeLaunchTemplateVersions DescribeLaunchTemplates DescribeNetworkAcls DescribeNetworkInterfaces DescribePrefixLists DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSnapshots DescribeSubnets DescribeTags DescribeVolumes DescribeVpcAttribute DescribeVpcEndpoints DescribeVpcs"
    ecr                  = "GetAuthorizationToken"
    elasticfilesystem    = "DescribeFileSystems"
    elasticloadbalancing = "DescribeListenerAttributes DescribeListeners DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth"
    iam                  = "ListOpenIDConnectProviders"
    logs                 = "DescribeLogGroups"
    pricing              = "GetProducts"
    rds                  = "DescribeDBInstances DescribeDBSnapshots"
    route53              = "GetChange ListHostedZones ListHostedZonesByName"
    sagemaker            = "ListApps ListDomains ListHyperParameterTuningJobs ListMlflowApps ListMlflowTrackingServers ListSpaces ListStudioLifecycleConfigs ListTrainingJobs ListUserProfiles"
    secretsmanager       = "GetRandomPassword"
    servicequotas        = "ListServiceQuotas"
    sns                  = "GetSubscriptionAttributes"
    ssm                  = "DescribeParameters"
    tag                  = "GetResources"
  }

  # Making, changing and taking away what carries the name of the project.
  deploy_named = {
    platform = {
      "budgets::budget/P-*"                            = "ListTagsForResource ModifyBudget TagResource UntagResource ViewBudget"
      "cloudtrail:*:trail/P-*"                         = "AddTags CreateTrail DeleteTrail GetEventSelectors GetTrail GetTrailStatus ListTags PutEventSelectors RemoveTags StartLogging StopLogging UpdateTrail"
      "cloudwatch:*:alarm:P-*"                         = "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource"
      "cloudwatch::dashboard/P-*"                      = "DeleteDashboards GetDashboard PutDashboard"
      "ecr:*:repository/P-*"                           = "BatchCheckLayerAvailability BatchDeleteImage BatchGetImage CompleteLayerUpload CreateRepository DeleteLifecyclePolicy DeleteRepository DescribeImages DescribeRepositories GetLifecyclePolicy InitiateLayerUpload ListTagsForResource PutImage PutImageScanningConfiguration PutLifecyclePolicy TagResource UntagResource UploadLayerPart"
      "logs:*:log-group:/P/*"                          = "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteMetricFilter DescribeMetricFilters ListTagsForResource PutMetricFilter PutRetentionPolicy TagResource UntagResource"
      "logs:*:log-group:/aws/rds/instance/P-*"         = "CreateLogGroup DeleteLogGroup ListTagsForResource PutRetentionPolicy TagResource UntagResource"
      "logs:*:log-group:/aws/sagemaker/TrainingJobs:*" = "DescribeLogStreams GetLogEvents"
      "secretsmanager:*:secret:P-*"                    = "CreateSecret DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue PutSecretValue RestoreSecret TagResource UntagResource UpdateSecret"
      "sns:*:P-*"                                      = "CreateTopic DeleteTopic GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes Subscribe TagResource Unsubscribe UntagResource"
      "ssm:*:parameter/P/*"                            = "AddTagsToResource DeleteParameter GetParameter GetParameters ListTagsForResource PutParameter RemoveTagsFromResource"
      "ssm:*:parameter/P"                              = "GetParametersByPath"
    }

    modes = {
      "autoscaling:*:autoScalingGroup:*:autoScalingGroupName/P-*"                     = "CreateAutoScalingGroup CreateOrUpdateTags DeleteAutoScalingGroup DeleteTags SetDesiredCapacity StartInstanceRefresh UpdateAutoScalingGroup"
      "cloudformation:*:stack/P-*/*"                                                  = "CreateStack DeleteStack DescribeStackEvents DescribeStacks GetTemplate TagResource UntagResource UpdateStack"
      "elasticloadbalancing:*:loadbalancer/app/P-*"                                   = "AddTags CreateListener CreateLoadBalancer DeleteLoadBalancer ModifyLoadBalancerAttributes RemoveTags SetSecurityGroups SetSubnets"
      "elasticloadbalancing:*:listener/app/P-*"                                       = "AddTags DeleteListener ModifyListener ModifyListenerAttributes RemoveTags"
      "elasticloadbalancing:*:targetgroup/mlf-*"                                      = "AddTags CreateTargetGroup DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes RemoveTags"
      "rds:*:(db|pg|snapshot|subgrp):P-*"                                             = "AddTagsToResource CreateDBInstance CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup DeleteDBInstance DeleteDBParameterGroup DeleteDBSnapshot DeleteDBSubnetGroup DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups ListTagsForResource ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup RemoveTagsFromResource"
      "sagemaker:*:hyper-parameter-tuning-job/P-*"                                    = "AddTags CreateHyperParameterTuningJob DescribeHyperParameterTuningJob ListTrainingJobsForHyperParameterTuningJob StopHyperParameterTuningJob"
      "sagemaker:*:(mlflow-tracking-server|studio-lifecycle-config|training-job)/P-*" = "AddTags CreateMlflowTrackingServer CreateStudioLifecycleConfig CreateTrainingJob DeleteMlflowTrackingServer DeleteStudioLifecycleConfig DeleteTags DescribeMlflowTrackingServer DescribeStudioLifecycleConfig DescribeTrainingJob ListTags StopTrainingJob UpdateMlflowTrackingServer"
      "scheduler:*:schedule/P-*/*"                                                    = "CreateSchedule DeleteSchedule GetSchedule UpdateSchedule"
      "scheduler:*:schedule-group/P-*"                                                = "CreateScheduleGroup DeleteScheduleGroup GetScheduleGroup ListTagsForResource TagResource UntagResource"
    }
  }

  # Studio gives IDs of its own, so what exists is told by its tag.
  deploy_studio_make   = ["CreateDomain", "CreateMlflowApp", "CreateSpace", "CreateUserProfile"]
  deploy_studio_change = "AddTags CallMlflowAppApi DeleteDomain DeleteMlflowApp DeleteSpace DeleteTags DeleteUserProfile DescribeDomain DescribeMlflowApp DescribeSpace DescribeUserProfile ListTags UpdateDomain UpdateMlflowApp UpdateSpace UpdateUserProfile"
  deploy_studio        = [for kind in ["domain", "mlflow-app", "space", "user-profile"] : "arn:${local.partition}:sagemaker:${local.region}:${local.account}:${kind}/*"]

  # So it is in EC2.
  deploy_make   = "AllocateAddress AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateInternetGateway CreateLaunchTemplate CreateLaunchTemplateVersion CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet CreateVpc CreateVpcEndpoint RunInstances"
  deploy_change = "AssociateAddress AssociateRouteTable AttachInternetGateway CreateTags DeleteInternetGateway DeleteLaunchTemplate DeleteLaunchTemplateVersions DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DeleteVpcEndpoints DetachInternetGateway DisassociateAddress DisassociateRouteTable ModifyInstanceAttribute ModifyInstanceMetadataOptions ModifyLaunchTemplate ModifySecurityGroupRules ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress RevokeSecurityGroupEgress RevokeSecurityGroupIngress StartInstances StopInstances TerminateInstances"
  deploy_types  = split(" ", "elastic-ip instance internet-gateway key-pair launch-template network-interface route-table security-group security-group-rule subnet volume vpc vpc-endpoint")
  deploy_bucket = "AbortMultipartUpload CreateBucket DeleteBucket DeleteBucketPolicy DeleteObject DeleteObjectVersion GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetLifecycleConfiguration GetObject GetObjectTagging GetReplicationConfiguration ListBucket ListBucketVersions PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration PutObject PutObjectTagging"
  deploy_role   = "AddRoleToInstanceProfile CreateInstanceProfile CreateRole DeleteInstanceProfile DeleteRole DeleteRolePolicy GetInstanceProfile GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies PutRolePolicy RemoveRoleFromInstanceProfile TagInstanceProfile TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription"
}

data "aws_iam_policy_document" "deploy_look" {
  #checkov:skip=CKV_AWS_356:reading only, and most of it supports no resource
  statement {
    actions   = flatten([for service, actions in local.deploy_look : [for action in split(" ", actions) : "${service}:${action}"]])
    resources = ["*"]
  }

  statement {
    actions   = ["ecr:DescribeImages"]
    resources = [local.aws_images]
  }
}

data "aws_iam_policy_document" "deploy_named" {
  for_each = local.deploy_named

  dynamic "statement" {
    for_each = each.value

    content {
      actions = [for action in split(" ", statement.value) : "${split(":", statement.key)[0]}:${action}"]
      # (a|b) is one resource of each type: a wildcard does not stand for a type.
      resources = [for type in split("|", try(regex("\\((.*)\\)", statement.key)[0], "")) : join(":", ["arn", local.partition,
        replace(replace(replace(replace(statement.key, "/\\(.*\\)/", type),
          "/^([a-z]+):\\*:/", "$1:${local.region}:${local.account}:"),
          "/^([a-z]+)::/", "$1::${local.account}:"),
      "/\\bP(\\W|$)/", "${var.project_name}$1")])]
    }
  }
}

data "aws_iam_policy_document" "deploy_studio" {
  statement {
    sid       = "MakeStudio"
    actions   = [for action in local.deploy_studio_make : "sagemaker:${action}"]
    resources = local.deploy_studio

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Project"
      values   = [var.project_name]
    }
  }

  # Only while it is made: who could tag what exists could take it away.
  statement {
    sid       = "TagStudio"
    actions   = ["sagemaker:AddTags"]
    resources = local.deploy_studio

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Project"
      values   = [var.project_name]
    }

    condition {
      test     = "StringEquals"
      variable = "sagemaker:TaggingAction"
      values   = local.deploy_studio_make
    }
  }

  statement {
    sid       = "ChangeStudio"
    actions   = [for action in split(" ", local.deploy_studio_change) : "sagemaker:${action}"]
    resources = local.deploy_studio

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Project"
      values   = [var.project_name]
    }
  }
}

data "aws_iam_policy_document" "deploy_network" {
  statement {
    sid       = "Make"
    actions   = [for action in split(" ", local.deploy_make) : "ec2:${action}"]
    resources = concat([for type in local.deploy_types : "${local.ec2}:${type}/*"], ["arn:${local.partition}:ec2:${local.region}::image/*"])
  }

  statement {
    sid       = "TagWhatIsMade"
    actions   = ["ec2:CreateTags"]
    resources = [for type in local.deploy_types : "${local.ec2}:${type}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Project"
      values   = [var.project_name]
    }

    # Only while it is made: who could tag what exists could take it away.
    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = split(" ", local.deploy_make)
    }
  }

  statement {
    sid       = "ChangeWhatIsTagged"
    actions   = [for action in split(" ", local.deploy_change) : "ec2:${action}"]
    resources = [for type in local.deploy_types : "${local.ec2}:${type}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Project"
      values   = [var.project_name]
    }
  }

  # The bucket of a remote state is named like the project, too.
  statement {
    sid       = "Buckets"
    actions   = [for action in split(" ", local.deploy_bucket) : "s3:${action}"]
    resources = ["arn:${local.partition}:s3:::${var.project_name}-*"]
  }

  statement {
    sid       = "Names"
    actions   = ["route53:ChangeResourceRecordSets", "route53:GetHostedZone", "route53:ListResourceRecordSets", "route53:ListTagsForResource"]
    resources = ["arn:${local.partition}:route53:::hostedzone/*"]
  }
}

data "aws_iam_policy_document" "deploy_roles" {
  statement {
    sid       = "Roles"
    actions   = [for action in split(" ", local.deploy_role) : "iam:${action}"]
    resources = ["${local.iam}:role/${var.project_name}-*", "${local.iam}:instance-profile/${var.project_name}-*"]
  }

  statement {
    sid       = "HandRolesToServices"
    actions   = ["iam:PassRole"]
    resources = ["${local.iam}:role/${var.project_name}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["cloudformation.amazonaws.com", "ec2.amazonaws.com", "sagemaker.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }

  statement {
    sid       = "LookAtItself"
    actions   = ["iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions"]
    resources = ["${local.iam}:policy/${var.project_name}-deploy-*", "${local.iam}:oidc-provider/${local.issuer}"]
  }

  # A person changes this role, not the role itself.
  statement {
    sid       = "NotItself"
    effect    = "Deny"
    actions   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PassRole"]
    resources = ["${local.iam}:role/${var.project_name}-deploy"]
  }

  statement {
    sid       = "ServicesOwnRoles"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [var.kms_key_arn]

    content {
      sid       = "Key"
      actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

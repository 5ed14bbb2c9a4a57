"""What the kinds of resources of a platform are listed by, and the AWS command that removes one: a table.

EC2 finds its kinds by their tag, so it needs no names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Listing:
    """How one kind of resource is listed.

    Attributes:
        kind: what it is called.
        service: the client of boto3.
        operation: its method.
        items: a JMESPath to those that exist.
        name: the field with what each is called; "" where an item is only its ARN.
    """

    kind: str
    service: str
    operation: str
    items: str
    name: str


LISTINGS = (
    Listing("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    Listing("file system", "efs", "describe_file_systems", "FileSystems", "FileSystemId"),
    Listing("database", "rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    Listing("database snapshot", "rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
    Listing("subnet group", "rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    Listing("parameter group", "rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
    Listing("secret", "secretsmanager", "list_secrets", "SecretList", "Name"),
    Listing("image repository", "ecr", "describe_repositories", "repositories", "repositoryName"),
    Listing("role", "iam", "list_roles", "Roles", "RoleName"),
    Listing("instance profile", "iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    Listing("topic", "sns", "list_topics", "Topics[].TopicArn", ""),
    Listing("parameter", "ssm", "describe_parameters", "Parameters", "Name"),
    Listing("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    Listing("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    Listing("schedule", "scheduler", "list_schedules", "Schedules", "Name"),
    Listing("schedule group", "scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
    Listing("trail", "cloudtrail", "list_trails", "Trails", "Name"),
    Listing("stack", "cloudformation", "list_stacks", "StackSummaries[?StackStatus!='DELETE_COMPLETE']", "StackName"),
    Listing("load balancer", "elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
    Listing("target group", "elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
    Listing(
        "auto scaling group",
        "autoscaling",
        "describe_auto_scaling_groups",
        "AutoScalingGroups",
        "AutoScalingGroupName",
    ),
    Listing("Studio domain", "sagemaker", "list_domains", "Domains", "DomainName"),
    Listing(
        "lifecycle configuration",
        "sagemaker",
        "list_studio_lifecycle_configs",
        "StudioLifecycleConfigs",
        "StudioLifecycleConfigName",
    ),
    Listing(
        "MLflow server",
        "sagemaker",
        "list_mlflow_tracking_servers",
        "TrackingServerSummaries",
        "TrackingServerName",
    ),
    Listing("MLflow app", "sagemaker", "list_mlflow_apps", "Summaries[?Status!='Deleted']", "Name"),
)
# A method of EC2 and a JMESPath to the identifiers of what exists, for each kind.
EC2 = {
    "instance": ("describe_instances", "Reservations[].Instances[?State.Name!='terminated'][].InstanceId"),
    "volume": ("describe_volumes", "Volumes[].VolumeId"),
    "snapshot": ("describe_snapshots", "Snapshots[].SnapshotId"),
    "network interface": ("describe_network_interfaces", "NetworkInterfaces[].NetworkInterfaceId"),
    "elastic IP": ("describe_addresses", "Addresses[].AllocationId"),
    "launch template": ("describe_launch_templates", "LaunchTemplates[].LaunchTemplateId"),
    "endpoint": ("describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    "security group": ("describe_security_groups", "SecurityGroups[].GroupId"),
    "internet gateway": ("describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    "subnet": ("describe_subnets", "Subnets[].SubnetId"),
    "route table": ("describe_route_tables", "RouteTables[].RouteTableId"),
    "network": ("describe_vpcs", "Vpcs[].VpcId"),
}
PARAMETERS: dict[str, dict[str, Any]] = {"secret": {"IncludePlannedDeletion": True}}
# True for what stays on purpose: the last snapshot of a database, a secret that can still be restored.
KEPT = {"database snapshot": "SnapshotType=='manual'", "secret": "DeletedDate"}
# Where a list does not tell tags: a method, its parameter and the field that fills it.
TAGS = {
    "log group": ("list_tags_log_group", "logGroupName", "logGroupName"),
    "role": ("list_role_tags", "RoleName", "RoleName"),
}
# With the name of the resource, or fields of what its service says of it.
REMOVE = {
    "log group": "logs delete-log-group --log-group-name {name}",
    "file system": "efs delete-file-system --file-system-id {name}",
    "database": "rds delete-db-instance --skip-final-snapshot --db-instance-identifier {name}",
    "database snapshot": "rds delete-db-snapshot --db-snapshot-identifier {name}",
    "subnet group": "rds delete-db-subnet-group --db-subnet-group-name {name}",
    "parameter group": "rds delete-db-parameter-group --db-parameter-group-name {name}",
    "secret": "secretsmanager delete-secret --force-delete-without-recovery --secret-id {name}",
    "image repository": "ecr delete-repository --force --repository-name {name}",
    "role": "iam delete-role --role-name {name}",
    "instance profile": "iam delete-instance-profile --instance-profile-name {name}",
    "topic": "sns delete-topic --topic-arn {name}",
    "parameter": "ssm delete-parameter --name {name}",
    "alarm": "cloudwatch delete-alarms --alarm-names {name}",
    "dashboard": "cloudwatch delete-dashboards --dashboard-names {name}",
    "schedule": "scheduler delete-schedule --name {name} --group-name {GroupName}",
    "schedule group": "scheduler delete-schedule-group --name {name}",
    "trail": "cloudtrail delete-trail --name {name}",
    "stack": "cloudformation delete-stack --stack-name {name}",
    "load balancer": "elbv2 delete-load-balancer --load-balancer-arn {LoadBalancerArn}",
    "target group": "elbv2 delete-target-group --target-group-arn {TargetGroupArn}",
    "auto scaling group": "autoscaling delete-auto-scaling-group --force-delete --auto-scaling-group-name {name}",
    "Studio domain": "sagemaker delete-domain --retention-policy HomeEfsFileSystem=Delete --domain-id {DomainId}",
    "lifecycle configuration": "sagemaker delete-studio-lifecycle-config --studio-lifecycle-config-name {name}",
    "MLflow server": "sagemaker delete-mlflow-tracking-server --tracking-server-name {name}",
    "MLflow app": "sagemaker delete-mlflow-app --arn {Arn}",
    "bucket": "s3api delete-bucket --bucket {name}",
    "budget": "budgets delete-budget --account-id {account} --budget-name {name}",
    "Studio app": "sagemaker delete-app --domain-id {DomainId} --space-name {SpaceName} --app-type {AppType} "
    "--app-name {name}",
    "Studio space": "sagemaker delete-space --domain-id {DomainId} --space-name {name}",
    "instance": "ec2 terminate-instances --instance-ids {name}",
    "volume": "ec2 delete-volume --volume-id {name}",
    "snapshot": "ec2 delete-snapshot --snapshot-id {name}",
    "network interface": "ec2 delete-network-interface --network-interface-id {name}",
    "security group": "ec2 delete-security-group --group-id {name}",
    "elastic IP": "ec2 release-address --allocation-id {name}",
    "network": "ec2 delete-vpc --vpc-id {name}",
    "subnet": "ec2 delete-subnet --subnet-id {name}",
    "internet gateway": "ec2 delete-internet-gateway --internet-gateway-id {name}",
    "route table": "ec2 delete-route-table --route-table-id {name}",
    "endpoint": "ec2 delete-vpc-endpoints --vpc-endpoint-ids {name}",
    "launch template": "ec2 delete-launch-template --launch-template-id {name}",
}
# Jobs that have ended cannot be deleted and cost nothing; the rest of what SageMaker tags is listed above.
HARMLESS = ("sagemaker:training-job", "sagemaker:processing-job", "sagemaker:transform-job")
LISTED_SAGEMAKER = (
    *("sagemaker:domain", "sagemaker:user-profile", "sagemaker:space", "sagemaker:app", "sagemaker:mlflow-app"),
    *("sagemaker:mlflow-tracking-server", "sagemaker:studio-lifecycle-config"),
)
# What ARNs call the services whose own lists are believed rather than the tagging service.
LISTED_SERVICES = (
    *("ec2", "logs", "elasticfilesystem", "rds", "secretsmanager", "ecr", "iam", "sns", "ssm", "cloudwatch"),
    *("scheduler", "cloudtrail", "cloudformation", "elasticloadbalancing", "autoscaling", "s3", "budgets"),
)

"""What the code really calls, written by hand: for each role, on which things, and under which conditions.

A condition in this table is one that the policy must insist on: the tests take it away and expect to be refused. Where
a role may touch only what lies under a name, the table names one thing under it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.policies.rendering import (
    ACCOUNT,
    APP,
    BUCKET,
    DOMAIN,
    EC2,
    HERE,
    HOST,
    JOBS_SECRET,
    KEY,
    LOGS,
    PROJECT,
    ROLE,
    SECRET,
    SERVER,
    SUBNETS,
    ZONE,
)
from tests.policies.simulator import Request


@dataclass(frozen=True)
class Needs:
    """What one role must be able to do, and who must be able to be it.

    Attributes:
        calls: requests that are allowed.
        trusted: requests to assume the role that are allowed.
        never: requests that are refused even if another grant of the role would cover them.
        complete: whether `calls` names every action that is granted.
    """

    calls: list[Request]
    trusted: list[Request]
    never: list[Request] = field(default_factory=list)
    complete: bool = True


def on(resource: str, actions: str, /, **context: str) -> list[Request]:
    """Return a request for each action, named as "s3: GetObject PutObject"."""
    service, names = actions.split(": ")
    conditions = {key.replace("__", ":").replace("Tag_", "Tag/"): value for key, value in context.items()}
    return [Request(f"{service}:{name}", resource, conditions) for name in names.split()]


def listing(*prefixes: str) -> list[Request]:
    return [one for prefix in prefixes for one in on(BUCKET, "s3: ListBucket", s3__prefix=prefix)]


def challenge(name: str, kind: str, action: str) -> list[Request]:
    """Return the request to change a record in the zone of the domain name."""
    asked = {"NormalizedRecordNames": name, "RecordTypes": kind, "Actions": action}
    context = {f"route53__ChangeResourceRecordSets{key}": value for key, value in asked.items()}
    return on(f"arn:aws:route53:::hostedzone/{ZONE}", "route53: ChangeResourceRecordSets", **context)


def assumed_by(service: str) -> list[Request]:
    return [Request("sts:AssumeRole", f"{ROLE}/any", {"aws:SourceAccount": ACCOUNT}, service)]


def mlflow(actions: str) -> list[Request]:
    """Return requests of the managed MLflow server; an MLflow app has one action for all of them."""
    return on(SERVER, f"sagemaker-mlflow: {actions}")


DATASET, JOB, ARTIFACT = (
    f"{BUCKET}/datasets/bccd/train/1.jpg",
    f"{BUCKET}/jobs/train-1/model.tar.gz",
    f"{BUCKET}/mlflow/artifacts/1/a",
)
ROOT = f"{BUCKET}/mlflow/server/ca.pem"
PACK = f"{BUCKET}/datasets/bccd/.yolops/packs/{'0' * 64}.tar"
BACKUP = f"{BUCKET}/backups/20260102-030405-00aa/manifest.json"
READ, WRITE = "s3: GetObject", "s3: PutObject AbortMultipartUpload"
ALL_OF_OBJECTS = "s3: GetObject PutObject DeleteObject AbortMultipartUpload ListMultipartUploadParts"
JOB_LOGS = f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:"
JOB_STREAM = f"{JOB_LOGS}{PROJECT}-train-1/algo-1-1700000000"
SERVER_LOGS, STUDIO_LOGS = f"{LOGS}:/{PROJECT}/mlflow:log-stream:", f"{LOGS}:/aws/sagemaker/studio:log-stream:"
INTERFACE = f"{EC2}:network-interface/eni-0new"
OWN_IMAGES = f"arn:aws:ecr:{HERE}:repository/{PROJECT}-training"
AWS_IMAGES = f"arn:aws:ecr:{HERE.split(':')[0]}:763104351884:repository/pytorch-training"
IMAGES = "ecr: BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"
SAGEMAKER = f"arn:aws:sagemaker:{HERE}"
JOB_NAME = f"{SAGEMAKER}:training-job/{PROJECT}-train-1"
SEARCH = f"{SAGEMAKER}:hyper-parameter-tuning-job/{PROJECT}-tune-1"
OTHER_SECRET = f"arn:aws:secretsmanager:{HERE}:secret:{PROJECT}-mlflow-jobs-of-others-AbCdEf"
DATABASE, INSTANCE = f"arn:aws:rds:{HERE}:db:{PROJECT}-mlflow", f"{EC2}:instance/i-0abc"

# From the first metric to the alias of the model (src/yolops/tracking, src/yolops/models).
RUN_CALLS = (
    "CreateExperiment GetExperiment GetExperimentByName SearchExperiments SetExperimentTag CreateRun GetRun SearchRuns "
    "UpdateRun LogBatch LogMetric LogParam LogInputs LogOutputs SetTag DeleteTag GetMetricHistory ListArtifacts "
    "LogModel FinalizeLoggedModel GetLoggedModel SearchLoggedModels SetLoggedModelTags LogLoggedModelParams "
    "ListLoggedModelArtifacts CreateRegisteredModel GetRegisteredModel SearchRegisteredModels SetRegisteredModelTag "
    "CreateModelVersion GetModelVersion GetModelVersionByAlias SearchModelVersions UpdateModelVersion "
    "SetModelVersionTag SetRegisteredModelAlias GetDownloadURIForModelVersionArtifacts"
)
# What a person does in MLflow beside that.
PERSON_CALLS = (
    "DeleteExperiment RestoreExperiment UpdateExperiment DeleteRun RestoreRun DeleteLoggedModel DeleteLoggedModelTag "
    "DeleteModelVersion DeleteModelVersionTag DeleteRegisteredModel DeleteRegisteredModelAlias "
    "DeleteRegisteredModelTag GetLatestModelVersions RenameRegisteredModel TransitionModelVersionStage "
    "UpdateRegisteredModel"
)

TRAINING = [
    *listing("datasets/bccd/", "datasets/bccd/.yolops/versions/", "jobs/train-1/"),
    *[one for place in (DATASET, PACK) for one in on(place, READ)],
    *on(JOB, READ),
    *on(JOB, WRITE),
    *on(JOB_LOGS, "logs: CreateLogGroup DescribeLogStreams"),
    *on(JOB_STREAM, "logs: CreateLogStream PutLogEvents"),
    *on("*", "cloudwatch: PutMetricData", cloudwatch__namespace="/aws/sagemaker/TrainingJobs"),
    *[one for place in (OWN_IMAGES, AWS_IMAGES) for one in on(place, IMAGES)],
    *on("*", "ecr: GetAuthorizationToken"),
    *on("*", "ec2: DescribeDhcpOptions DescribeNetworkInterfaces DescribeSecurityGroups DescribeSubnets DescribeVpcs"),
    *[
        one
        for place in (INTERFACE, f"{EC2}:security-group/sg-0training", *[f"{EC2}:subnet/{one}" for one in SUBNETS[2:]])
        for one in on(place, "ec2: CreateNetworkInterface")
    ],
    *on(
        INTERFACE,
        "ec2: CreateNetworkInterfacePermission DeleteNetworkInterface DeleteNetworkInterfacePermission",
        ec2__Vpc=f"{EC2}:vpc/vpc-0abc",
    ),
    *on(KEY, "kms: Decrypt DescribeKey GenerateDataKey"),
    *on(KEY, "kms: CreateGrant", kms__GrantIsForAWSResource="true"),
]
# Only beside managed MLflow: a server of one's own brings artifacts itself.
BRINGS_ARTIFACTS = [*listing("mlflow/artifacts/1/"), *on(ARTIFACT, READ), *on(ARTIFACT, WRITE)]
# What only lies beside; and what people know the server by, and datasets: a job reads them.
NOT_TRAINING = [
    *listing("mlflow/artifacts-old/", "mlflow/server/"),
    *[one for key in ("artifacts-old/1/a", "server-old/ca.pem") for one in on(f"{BUCKET}/mlflow/{key}", READ)],
    *[one for place in (ROOT, f"{BUCKET}/mlflow/artifacts-old/1/a") for one in on(place, WRITE)],
    *[one for place in (DATASET, PACK) for one in on(place, f"{WRITE} DeleteObject")],
]
STORE = [
    *listing("mlflow", "mlflow/1/"),
    *on(ARTIFACT, ALL_OF_OBJECTS),
    *on(KEY, "kms: Decrypt GenerateDataKey"),
]
# A search (src/yolops/training/sagemaker_tuning.py).
SEARCHES = on(
    SEARCH,
    "sagemaker: AddTags CreateHyperParameterTuningJob DescribeHyperParameterTuningJob "
    "ListTrainingJobsForHyperParameterTuningJob StopHyperParameterTuningJob",
)
# A job in studio mode, looked at before it is started (src/yolops/diagnosis/training_job.py); in custom mode also
# security groups.
LOOKS_BEFORE_JOBS = [
    *on("*", "pricing: GetProducts"),
    *on("*", "servicequotas: ListServiceQuotas"),
    *on("*", "ec2: DescribeRouteTables DescribeVpcEndpoints"),
    *on(f"{ROLE}/{PROJECT}-training", "iam: GetRole"),
    *[one for place in (OWN_IMAGES, AWS_IMAGES) for one in on(place, "ecr: DescribeImages")],
]
USER = [
    *on(
        "*",
        "sagemaker: ListApps ListDomains ListHyperParameterTuningJobs ListMlflowApps ListMlflowTrackingServers "
        "ListSpaces ListStudioLifecycleConfigs ListTrainingJobs ListUserProfiles",
    ),
    *on(f"{SAGEMAKER}:domain/{DOMAIN}", "sagemaker: DescribeDomain"),
    *on(f"{SAGEMAKER}:user-profile/{DOMAIN}/default", "sagemaker: CreatePresignedDomainUrl DescribeUserProfile"),
    *on(f"{SAGEMAKER}:space/{DOMAIN}/default-jupyterlab", "sagemaker: DescribeSpace UpdateSpace"),
    *on(
        f"{SAGEMAKER}:app/{DOMAIN}/default-jupyterlab/JupyterLab/default",
        "sagemaker: CreateApp DeleteApp DescribeApp AddTags ListTags",
    ),
    *on(
        f"{SAGEMAKER}:studio-lifecycle-config/{PROJECT}-tracking-jupyterlab-1",
        "sagemaker: DescribeStudioLifecycleConfig",
    ),
    *on(JOB_NAME, "sagemaker: CreateTrainingJob DescribeTrainingJob StopTrainingJob AddTags ListTags"),
    *SEARCHES,
    *LOOKS_BEFORE_JOBS,
    *on(f"{ROLE}/{PROJECT}-training", "iam: PassRole", iam__PassedToService="sagemaker.amazonaws.com"),
    *listing("datasets", "datasets/bccd/", "jobs", "jobs/train-1/", "mlflow", "mlflow/1/"),
    *[one for place in (DATASET, JOB, ARTIFACT) for one in on(place, ALL_OF_OBJECTS)],
    *on(f"{BUCKET}/studio/0123abcd/requirements.txt", "s3: GetObject"),
    *on(STUDIO_LOGS, "logs: CreateLogGroup"),
    *on(f"{STUDIO_LOGS}{DOMAIN}/default/JupyterLab/default", "logs: CreateLogStream PutLogEvents"),
    *on(JOB_LOGS, "logs: DescribeLogStreams"),
    *on(JOB_STREAM, "logs: GetLogEvents"),
    *on(KEY, "kms: Decrypt GenerateDataKey"),
]
# What `terraform apply` calls most; the whole list is as long as the policy (see test_every_grant_is_needed).
STACK = f"arn:aws:cloudformation:{HERE}:stack/{PROJECT}-mlflow/1"
DEPLOY = [
    *on(BUCKET, "s3: CreateBucket PutBucketPolicy PutBucketVersioning ListBucket DeleteBucket"),
    *on(f"{BUCKET}/jobs/train-1/source.tar.gz", "s3: PutObject GetObject DeleteObject"),
    *on(f"{BUCKET}/mlflow/server/files/1.json.gz", "s3: PutObject PutObjectTagging GetObjectTagging"),
    *on(DATABASE, "rds: CreateDBInstance ModifyDBInstance DeleteDBInstance"),
    *on(SECRET, "secretsmanager: CreateSecret PutSecretValue GetSecretValue DeleteSecret"),
    *on(f"{LOGS}:/{PROJECT}/mlflow", "logs: CreateLogGroup PutRetentionPolicy DeleteLogGroup"),
    *on(f"{ROLE}/{PROJECT}-training", "iam: CreateRole PutRolePolicy DeleteRolePolicy DeleteRole"),
    *on(f"{ROLE}/{PROJECT}-training", "iam: PassRole", iam__PassedToService="sagemaker.amazonaws.com"),
    *on(f"{ROLE}/{PROJECT}-mlflow-server", "iam: PassRole", iam__PassedToService="ec2.amazonaws.com"),
    *on(f"{ROLE}/{PROJECT}-mlflow", "iam: PassRole", iam__PassedToService="cloudformation.amazonaws.com"),
    *on(f"{ROLE}/{PROJECT}-mlflow-office-hours", "iam: PassRole", iam__PassedToService="scheduler.amazonaws.com"),
    *on(f"arn:aws:ssm:{HERE}:parameter/{PROJECT}/mode", "ssm: PutParameter GetParameters DeleteParameter"),
    *[
        one
        for place, kind in (
            (f"{SAGEMAKER}:domain/{DOMAIN}", "Domain"),
            (f"{SAGEMAKER}:user-profile/{DOMAIN}/default", "UserProfile"),
            (f"{SAGEMAKER}:space/{DOMAIN}/default-jupyterlab", "Space"),
            (APP, "MlflowApp"),
        )
        for one in (
            *on(place, f"sagemaker: Create{kind}", aws__RequestTag_Project=PROJECT),
            *on(
                place,
                "sagemaker: AddTags",
                aws__RequestTag_Project=PROJECT,
                sagemaker__TaggingAction=f"Create{kind}",
            ),
            *on(place, f"sagemaker: Update{kind} Describe{kind} Delete{kind}", aws__ResourceTag_Project=PROJECT),
        )
    ],
    *on(SERVER, "sagemaker: CreateMlflowTrackingServer DeleteMlflowTrackingServer DescribeMlflowTrackingServer"),
    *on(JOB_NAME, "sagemaker: CreateTrainingJob DescribeTrainingJob StopTrainingJob"),
    *on(STACK, "cloudformation: CreateStack DescribeStacks UpdateStack DeleteStack"),
    *on(f"arn:aws:ecr:{HERE}:repository/{PROJECT}-training", "ecr: CreateRepository PutImage UploadLayerPart"),
    *on(f"arn:aws:sns:{HERE}:{PROJECT}-alarms", "sns: CreateTopic Subscribe DeleteTopic"),
    *on(INSTANCE, "ec2: RunInstances"),
    *on(INSTANCE, "ec2: TerminateInstances", aws__ResourceTag_Project=PROJECT),
    *on(f"{EC2}:vpc/vpc-0abc", "ec2: DeleteVpc", aws__ResourceTag_Project=PROJECT),
    *on(f"{EC2}:vpc/vpc-0abc", "ec2: CreateTags", aws__RequestTag_Project=PROJECT, ec2__CreateAction="CreateVpc"),
    *on(f"arn:aws:iam::{ACCOUNT}:policy/{PROJECT}-deploy-look", "iam: GetPolicy GetPolicyVersion"),
    *on(
        f"{ROLE}/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
        "iam: CreateServiceLinkedRole",
        iam__AWSServiceName="rds.amazonaws.com",
    ),
    *on("*", "ec2: DescribeInstances DescribeVpcs"),
    *on("*", "ecr: GetAuthorizationToken"),
    *LOOKS_BEFORE_JOBS,
    *on("*", "ec2: DescribeSecurityGroups"),
    *on(JOBS_SECRET, "secretsmanager: GetSecretValue"),
    *on(JOB_NAME, "sagemaker: AddTags"),
    *SEARCHES,
    *on("*", "sagemaker: ListHyperParameterTuningJobs"),
    *on(f"{BUCKET}/jobs/scripts/1.tar.gz", WRITE),
    *[one for key in ("code/1.tar", "models/1/a.pt", "packages/1/a.whl") for one in on(f"{BUCKET}/jobs/{key}", WRITE)],
    *[one for place in (DATASET, PACK) for one in on(place, f"{READ} PutObject")],
]
GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
ISSUER = "token.actions.githubusercontent.com"


def github(subject: str, audience: str = "sts.amazonaws.com") -> Request:
    claims = {f"{ISSUER}:aud": audience, f"{ISSUER}:sub": subject}
    return Request("sts:AssumeRoleWithWebIdentity", f"{ROLE}/any", claims, GITHUB)


# deployment and role: what it needs
NEEDS = {
    ("custom", f"{PROJECT}-training"): Needs(
        [*TRAINING, *on(ROOT, READ), *on(JOBS_SECRET, "secretsmanager: GetSecretValue")],
        assumed_by("sagemaker.amazonaws.com"),
        # Nor the passwords of the server, and no other secret that is called like the login of jobs.
        never=[
            *NOT_TRAINING,
            *BRINGS_ARTIFACTS,
            *[one for secret in (SECRET, OTHER_SECRET) for one in on(secret, "secretsmanager: GetSecretValue")],
            *on(BACKUP, ALL_OF_OBJECTS),
            *listing("backups/"),
        ],
    ),
    ("custom", f"{PROJECT}-mlflow-server"): Needs(
        [
            *STORE,
            # Backups, and the former versions of artifacts.
            *listing("backups/"),
            *on(BACKUP, ALL_OF_OBJECTS),
            *on(BUCKET, "s3: ListBucketVersions", s3__prefix="mlflow/artifacts/"),
            *on(ARTIFACT, "s3: GetObjectVersion"),
            *on(SECRET, "secretsmanager: GetSecretValue"),
            *on(f"{SERVER_LOGS}server", "logs: CreateLogStream PutLogEvents"),
            *challenge(f"_acme-challenge.{HOST}", "TXT", "UPSERT"),
            *challenge(f"_acme-challenge.{HOST}", "TXT", "DELETE"),
            *on("*", "route53: ListHostedZones"),
            *on("arn:aws:route53:::change/C0", "route53: GetChange"),
            *on(INSTANCE, "ssm: UpdateInstanceInformation"),
            *on("*", "ssmmessages: CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel"),
        ],
        assumed_by("ec2.amazonaws.com"),
        # Nothing beside, and former versions of nothing but artifacts.
        never=[
            *listing("backups-old/"),
            *on(BUCKET, "s3: ListBucketVersions", s3__prefix="backups/"),
            *on(BUCKET, "s3: ListBucketVersions", s3__prefix="mlflow/artifacts-old/"),
            *on(f"{BUCKET}/mlflow/artifacts-old/1/a", "s3: GetObjectVersion"),
        ],
    ),
    ("custom", f"{PROJECT}-mlflow-office-hours"): Needs(
        [*on(INSTANCE, "ec2: StartInstances StopInstances"), *on(DATABASE, "rds: StartDBInstance StopDBInstance")],
        assumed_by("scheduler.amazonaws.com"),
    ),
    ("custom", f"{PROJECT}-deploy"): Needs(
        DEPLOY,
        [github("repo:acme/detector:ref:refs/heads/main"), github("repo:acme/detector:environment:production")],
        never=[
            *on(f"{ROLE}/{PROJECT}-deploy", "iam: DeleteRole DeleteRolePolicy PutRolePolicy UpdateAssumeRolePolicy"),
            *on(f"{ROLE}/{PROJECT}-deploy", "iam: PassRole", iam__PassedToService="ec2.amazonaws.com"),
            *on(f"arn:aws:iam::{ACCOUNT}:policy/{PROJECT}-deployment", "iam: GetPolicy"),
        ],
        complete=False,
    ),
    ("studio-app", f"{PROJECT}-training"): Needs(
        TRAINING + BRINGS_ARTIFACTS + on(APP, "sagemaker: CallMlflowAppApi DescribeMlflowApp"),
        assumed_by("sagemaker.amazonaws.com"),
        never=NOT_TRAINING,
    ),
    ("studio-server", f"{PROJECT}-training"): Needs(
        TRAINING + BRINGS_ARTIFACTS + mlflow(RUN_CALLS) + on(SERVER, "sagemaker: DescribeMlflowTrackingServer"),
        assumed_by("sagemaker.amazonaws.com"),
        never=NOT_TRAINING,
    ),
    ("studio-app", f"{PROJECT}-mlflow"): Needs(STORE, assumed_by("sagemaker.amazonaws.com")),
    ("studio-server", f"{PROJECT}-mlflow"): Needs(STORE, assumed_by("sagemaker.amazonaws.com")),
    ("studio-app", f"{PROJECT}-studio-user"): Needs(
        USER + on(APP, "sagemaker: CallMlflowAppApi CreatePresignedMlflowAppUrl DescribeMlflowApp"),
        assumed_by("sagemaker.amazonaws.com"),
    ),
    ("studio-server", f"{PROJECT}-studio-user"): Needs(
        [
            *USER,
            *mlflow(f"{RUN_CALLS} {PERSON_CALLS}"),
            *on("*", "sagemaker-mlflow: AccessUI"),
            *on(SERVER, "sagemaker: CreatePresignedMlflowTrackingServerUrl DescribeMlflowTrackingServer"),
        ],
        assumed_by("sagemaker.amazonaws.com"),
    ),
}

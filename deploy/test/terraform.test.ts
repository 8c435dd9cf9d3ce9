import { spawnSync } from "node:child_process";
import { copyFileSync, globSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "@cdktf/hcl2json";
import { expect, test } from "vitest";
import { pathOf, readText } from "./files.ts";

type Blocks = Readonly<Record<string, Readonly<Record<string, readonly Block[]>>>>;

interface Block {
  readonly [attribute: string]: unknown;
}

interface Module {
  readonly resource: Blocks;
  readonly data: Blocks;
  readonly variable: Readonly<Record<string, readonly Block[]>>;
  readonly output: Readonly<Record<string, readonly Block[]>>;
  readonly locals: readonly Block[];
}

const folder = "deploy/terraform";
const files = readdirSync(pathOf(folder)).filter((name) => name.endsWith(".tf"));
const texts = files.map((name) => readText(`${folder}/${name}`));
/** As one file: a module is all files of its folder. Rejects what is no HCL. */
const module = (await parse("module.tf", texts.join("\n"))) as unknown as Module;

const namesIn = (blocks: Blocks, prefix = ""): string[] =>
  Object.entries(blocks).flatMap(([type, named]) =>
    Object.keys(named).map((name) => `${prefix}${type}.${name}`),
  );

const declared = new Set([
  ...Object.keys(module.variable).map((name) => `var.${name}`),
  ...module.locals.flatMap((locals) => Object.keys(locals)).map((name) => `local.${name}`),
  ...namesIn(module.resource),
  ...namesIn(module.data, "data."),
]);

const referred = new Set(
  JSON.stringify(module).match(
    /\b(var|local)\.\w+|\b(data\.)?(aws_(?!iam_policy_document\b)\w+|aws_iam_policy_document|archive_file)\.\w+/g,
  ),
);

test("what the module refers to is declared, and every variable and local is used", () => {
  expect([...referred].filter((name) => !declared.has(name))).toEqual([]);
  const used = [...declared].filter((name) => /^(var|local)\./.test(name));
  expect(used.filter((name) => !referred.has(name))).toEqual([]);
});

test("every variable has a type, a description and a default, and every output a description", () => {
  for (const [variable] of Object.values(module.variable)) {
    expect(variable).toMatchObject({
      type: expect.any(String),
      description: expect.stringMatching(/\.$/),
    });
    expect(variable).toHaveProperty("default");
  }
  for (const [output] of Object.values(module.output)) {
    expect(output).toMatchObject({ description: expect.stringMatching(/\.$/) });
  }
});

interface Statement {
  readonly effect?: string;
  readonly actions: readonly string[];
  readonly resources?: readonly string[];
}

function statementsOf(policy: string): Statement[] {
  const [document] = module.data["aws_iam_policy_document"]?.[policy] ?? [];
  const { statement = [], dynamic } = (document ?? {}) as {
    readonly statement?: readonly Statement[];
    readonly dynamic?: { readonly statement: readonly { readonly content: [Statement] }[] };
  };
  const optional = (dynamic?.statement ?? []).map(({ content: [content] }) => content);
  return [...statement, ...optional].filter(({ effect }) => effect !== "Deny");
}

const allowedTo = (policy: string): string[] =>
  [...new Set(statementsOf(policy).flatMap(({ actions }) => actions))].toSorted();

/** What a call takes, where it is not the action of the call's own name. */
const actionsOfCall: Readonly<Record<string, readonly string[]>> = {
  "s3:ListObjectVersions": ["s3:ListBucketVersions"],
  // With a version; and with a retention.
  "s3:GetObject": ["s3:GetObject", "s3:GetObjectVersion"],
  "s3:PutObject": ["s3:PutObject", "s3:PutObjectRetention"],
};

/** The actions that the sources of a room need, by the SDK's commands in them. */
function calledIn(room: string): string[] {
  const actions = globSync(`${room}/src/**/*.ts`, { cwd: pathOf("") }).flatMap((file) => {
    const source = readText(file);
    const service = /@aws-sdk\/client-(\w+)"/.exec(source)?.[1];
    const calls = [...source.matchAll(/new (?:sdk\.)?(\w+)Command\(/g)].map(([, call]) => call);
    return calls.flatMap((call = "") => {
      // A batch takes what a single call takes.
      const name = `${service}:${call.replace(/Batch$/, "")}`;
      return actionsOfCall[name] ?? [name];
    });
  });
  return [...new Set(actions)].toSorted();
}

/** Opens the vault: no business of whoever seals. */
const opening = "kms:DeriveSharedSecret";

test("the consumer's policy allows every AWS call that it makes, and nothing else", () => {
  const called = ["packages/sqs", "packages/masking", "packages/db", "packages/schema"];
  const needed = [...called, "apps/consumer"].flatMap(calledIn).filter((each) => each !== opening);
  expect(needed).toContain("sqs:ChangeMessageVisibility");
  expect(allowedTo("consumer")).toEqual(needed.toSorted());
});

test("recover's policy allows every AWS call that it makes, and nothing else", () => {
  const needed = ["packages/masking", "packages/db", "packages/recovery", "apps/recover"].flatMap(
    calledIn,
  );
  expect(needed).toContain(opening);
  expect(allowedTo("recover")).toEqual(needed.toSorted());
});

/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, lambda-cloudwatch-logs.html, configuration-vpc.html */
const lambdasOwn = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:UnassignPrivateIpAddresses",
  "logs:CreateLogStream",
  "logs:PutLogEvents",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sqs:ReceiveMessage",
];

test("the function's policy allows what Lambda does in its name and what the keyring needs, and nothing else", () => {
  expect(allowedTo("function")).toEqual(["kms:Decrypt", ...lambdasOwn].toSorted());
});

test("no policy of a program has a wildcard, but for network interfaces, which take one", () => {
  const statements = ["consumer", "recover", "function"].flatMap(statementsOf);
  const wide = statements.filter(({ actions, resources = [] }) =>
    [...actions, ...resources].some((each) => each.endsWith(":*") || each === "*"),
  );
  // The streams of the one log group are `:*` of it.
  expect(
    wide.flatMap(({ actions }) => actions).filter((each) => !/^(ec2|logs):/.test(each)),
  ).toEqual([]);
});

test("messages outlive an outage, go to the dead-letter queue after enough receives, and are deleted only where reported as done", () => {
  const text = texts.join("\n");
  expect(module.locals.find((locals) => "retention_seconds" in locals)).toMatchObject({
    retention_seconds: 14 * 86_400,
  });
  expect(module.variable["max_receive_count"]?.[0]).toMatchObject({ default: 10 });
  expect(module.resource["aws_lambda_event_source_mapping"]?.["messages"]?.[0]).toMatchObject({
    function_response_types: ["ReportBatchItemFailures"],
  });
  expect(text.match(/kms_master_key_id\s+= aws_kms_key\.queue\.arn/g)).toHaveLength(2);
  expect(text.match(/prevent_destroy = true/g)).toHaveLength(2);
});

/** Without a configuration of the machine's own. */
function terraform(args: readonly string[], cwd: string): { status: number | null; said: string } {
  const env = { PATH: process.env["PATH"], CHECKPOINT_DISABLE: "1" };
  const { status, stdout, stderr } = spawnSync("terraform", [...args, "-no-color"], { cwd, env });
  return { status, said: `${stdout?.toString()}${stderr?.toString()}` };
}

const { status: hasTerraform } = spawnSync("terraform", ["version"]);
const why = hasTerraform === 0 ? "" : " (skipped: no terraform on this machine)";

test.skipIf(hasTerraform !== 0)(`terraform finds its format as it should be${why}`, () => {
  expect(terraform(["fmt", "-check", "-diff"], pathOf(folder))).toEqual({ status: 0, said: "" });
});

test.skipIf(hasTerraform !== 0)(
  `a function without its keyring or its database is refused${why}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), "maskline-terraform-"));
    try {
      // Alone, the variables need no provider.
      copyFileSync(pathOf(`${folder}/variables.tf`), join(directory, "variables.tf"));
      terraform(["init"], directory);
      const plan = ["plan", "-input=false", "-lock=false"];
      expect(terraform(plan, directory).status).toBe(0);
      const { status, said } = terraform(
        [...plan, "-var=function_zip=lambda.zip", "-var=visibility_timeout_seconds=60"],
        directory,
      );
      expect(status).toBe(1);
      expect(said).toContain("function_files has no keyring.json");
      expect(said).toContain("function_database_url is not set");
      expect(said).toContain("less than six times function_timeout_seconds");
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

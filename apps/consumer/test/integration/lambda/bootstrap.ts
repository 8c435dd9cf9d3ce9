/** A runtime of AWS Lambda in miniature: loads a handler, and serves it over the runtime API (Lambda's "Using the Lambda runtime API"). */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

type Handler = (
  event: unknown,
  context: { getRemainingTimeInMillis: () => number },
) => Promise<unknown>;

const { AWS_LAMBDA_RUNTIME_API: api, LAMBDA_TASK_ROOT: root = "", _HANDLER = "" } = process.env;
const base = `http://${api}/2018-06-01/runtime`;

function post(path: string, body: unknown): Promise<unknown> {
  return fetch(`${base}${path}`, { method: "POST", body: JSON.stringify(body) });
}

function described(error: unknown): object {
  const { name, message, stack } = error as Error;
  return { errorType: name, errorMessage: message, trace: stack?.split("\n") };
}

async function load(): Promise<Handler> {
  const [file, name = ""] = _HANDLER.split(".");
  const { href } = pathToFileURL(join(root, `${file}.mjs`));
  const module = (await import(href)) as Readonly<Record<string, Handler | undefined>>;
  if (!module[name]) throw new Error(`The module has no ${name}.`);
  return module[name];
}

const handler = await load().catch(async (error: unknown) => {
  await post("/init/error", described(error));
  process.exit(1);
});

for (;;) {
  const next = await fetch(`${base}/invocation/next`);
  const event: unknown = await next.json();
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const deadlineMs = Number(next.headers.get("lambda-runtime-deadline-ms"));
  const context = { getRemainingTimeInMillis: () => deadlineMs - Date.now() };
  await handler(event, context).then(
    (response) => post(`/invocation/${id}/response`, response),
    (error: unknown) => post(`/invocation/${id}/error`, described(error)),
  );
}

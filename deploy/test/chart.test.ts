import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig } from "../../apps/consumer/src/config.ts";
import { modeFault } from "../../packages/masking/src/node/key-file.ts";
import { pathOf, readDocuments, readYaml } from "./files.ts";

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
  };
}

interface Container {
  readonly env?: readonly EnvironmentVariable[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly [probeOrSetting: string]: unknown;
}

interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
  readonly configMap?: { readonly name: string; readonly optional?: boolean };
}

interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup?: number };
  readonly volumes?: readonly Volume[];
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly template?: { readonly spec: PodSpec };
    readonly jobTemplate?: Manifest;
  };
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly {
    readonly name: string;
    readonly literals: readonly string[];
  }[];
}

const base = "deploy/kubernetes";
/** The base, and the components that an overlay may add. */
const folders = [base, `${base}/audit`, `${base}/pod-monitor`, `${base}/prometheus-rule`];
const kustomization = readYaml(`${base}/kustomization.yaml`) as Kustomization;
const manifests = folders.flatMap((folder) => {
  const { resources } = readYaml(`${folder}/kustomization.yaml`) as Kustomization;
  return resources.flatMap((file) => readDocuments(`${folder}/${file}`));
}) as Manifest[];
const pods = manifests.flatMap(({ kind, metadata, spec }) => {
  const pod = (spec?.jobTemplate?.spec ?? spec)?.template?.spec;
  return pod ? [{ kind, name: metadata.name, pod }] : [];
});

test.each(folders)("the kustomization of %s applies every file of its folder", (folder) => {
  const { resources } = readYaml(`${folder}/kustomization.yaml`) as Kustomization;
  const files = readdirSync(pathOf(folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "kustomization.yaml")
    .map(({ name }) => name);

  expect(resources.toSorted()).toEqual(files.toSorted());
});

test("no folder is left out here", () => {
  const found = readdirSync(pathOf(base), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${base}/${name}`);

  expect([base, ...found].toSorted()).toEqual(folders.toSorted());
});

test("Deployment, Job and CronJobs are looked at below", () => {
  expect(pods.map(({ kind }) => kind).toSorted()).toEqual([
    "CronJob",
    "CronJob",
    "CronJob",
    "Deployment",
    "Job",
  ]);
});

// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and a read-only root
test.each(pods)("the pod of $kind $name meets the restricted standard", ({ pod }) => {
  expect(pod).toMatchObject({
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  });
  for (const container of pod.containers) {
    expect(container).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
      },
      resources: { requests: expect.anything(), limits: { memory: expect.any(String) } },
    });
  }
});

test("the consumer accepts its environment, is probed where it answers, and is given longer to stop than it takes", () => {
  const pod = pods.find(({ kind }) => kind === "Deployment")?.pod;
  const [container] = pod?.containers ?? [];
  const literals = kustomization.configMapGenerator.flatMap((map) => map.literals);
  const env = Object.fromEntries([
    ...literals.map((literal) => literal.split(/=(.*)/s)),
    ...(container?.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      value ?? (valueFrom?.configMapKeyRef ? "login" : "postgresql://secret/x"),
    ]),
  ]) as Record<string, string>;

  const read = readConfig(env);

  expect(read).toMatchObject({ config: { PORT: 8080, MASKLINE_CONTRACT: "login" } });
  expect(container).toMatchObject({
    ports: [{ name: "health", containerPort: 8080 }],
    livenessProbe: { httpGet: { path: "/live", port: "health" } },
    readinessProbe: { httpGet: { path: "/ready", port: "health" } },
  });
  const shutdownMs = "config" in read ? read.config.MASKLINE_SHUTDOWN_SECONDS * 1000 : Number.NaN;
  expect((pod?.terminationGracePeriodSeconds ?? 0) * 1000).toBeGreaterThan(shutdownMs);
});

test("the consumer can read its keyring as it is mounted, and takes it for a secret that is kept", () => {
  const pod = pods.find(({ kind }) => kind === "Deployment")?.pod;
  const { runAsUser, fsGroup } = pod?.securityContext ?? {};
  const secret = pod?.volumes?.find((volume) => volume.secret?.secretName === "maskline-keyring");
  // Octal to Kubernetes, which reads YAML 1.1; the digits of a decimal number to YAML 1.2.
  const mode = Number.parseInt(String(secret?.secret?.defaultMode), 8);

  // The kubelet gives the files to root and to the pod's fsGroup.
  expect(fsGroup).toBeDefined();
  expect(mode & 0o040).not.toBe(0);
  expect(modeFault({ mode, uid: 0 }, true, runAsUser)).toBeNull();
});

test("consumer and migration take the same contract, from where a module of one's own can lie too", () => {
  const takers = pods.filter(({ name }) => /-(consumer|migrate)$/.test(name));
  expect(takers).toHaveLength(2);
  for (const { pod } of takers) {
    expect(pod.containers[0]?.env).toContainEqual({
      name: "MASKLINE_CONTRACT",
      valueFrom: { configMapKeyRef: { name: "maskline-contract", key: "MASKLINE_CONTRACT" } },
    });
    expect(pod.containers[0]?.volumeMounts).toContainEqual({
      name: "contract",
      mountPath: "/contract",
      readOnly: true,
    });
    expect(pod.volumes).toContainEqual({
      name: "contract",
      configMap: { name: "maskline-contract" },
    });
  }
});

test.each(pods)("$name can be given the authority of the database's certificate", ({ pod }) => {
  expect(pod.volumes).toContainEqual({
    name: "database-ca",
    configMap: { name: "maskline-database-ca", optional: true },
  });
  expect(pod.containers[0]?.volumeMounts).toContainEqual(
    expect.objectContaining({ name: "database-ca", mountPath: "/database-ca" }),
  );
});

test("only the checkpoint's job holds a signing key, which recover takes as it is mounted", () => {
  const holders = pods.filter(({ pod }) => JSON.stringify(pod).includes("signing-key.pem"));

  expect(holders.map(({ name }) => name)).toEqual(["maskline-audit-checkpoint"]);
  const { securityContext, volumes = [] } = holders[0]?.pod ?? {};
  const secret = volumes.find((volume) => volume.secret?.secretName === "maskline-witness");
  const mode = Number.parseInt(String(secret?.secret?.defaultMode), 8);
  expect(securityContext?.fsGroup).toBeDefined();
  expect(mode & 0o040).not.toBe(0);
  expect(modeFault({ mode, uid: 0 }, true, securityContext?.runAsUser)).toBeNull();
});

import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig } from "../../apps/consumer/src/config.ts";
import { modeFault } from "../../packages/masking/src/node/key-file.ts";
import { pathOf, readDocuments, readYaml } from "./files.ts";

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly [probeOrSetting: string]: unknown;
}

interface Volume {
  readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
}

interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup?: number };
  readonly volumes?: readonly Volume[];
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
}

interface Manifest {
  readonly kind: string;
  readonly spec?: {
    readonly template?: { readonly spec: PodSpec };
    readonly jobTemplate?: Manifest;
  };
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly literals: readonly string[] }[];
}

const folder = "deploy/kubernetes";
const kustomization = readYaml(`${folder}/kustomization.yaml`) as Kustomization;
const manifests = kustomization.resources.flatMap((file) =>
  readDocuments(`${folder}/${file}`),
) as Manifest[];
const pods = manifests.flatMap(({ kind, spec }) => {
  const pod = (spec?.jobTemplate?.spec ?? spec)?.template?.spec;
  return pod ? [{ kind, pod }] : [];
});

test("the kustomization applies every file of the folder", () => {
  const files = readdirSync(pathOf(folder)).filter((file) => file !== "kustomization.yaml");

  expect(kustomization.resources.toSorted()).toEqual(files.toSorted());
});

test("Deployment, Job and CronJob are looked at below", () => {
  expect(pods.map(({ kind }) => kind).toSorted()).toEqual(["CronJob", "Deployment", "Job"]);
});

// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and a read-only root
test.each(pods)("the $kind's pod meets the restricted standard", ({ pod }) => {
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
    ...(container?.env ?? []).map(({ name, value }) => [name, value ?? "postgresql://secret/x"]),
  ]) as Record<string, string>;

  const read = readConfig(env);

  expect(read).toMatchObject({ config: { PORT: 8080 } });
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

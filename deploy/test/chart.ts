/** Renders the chart by Helm's own engine, and holds what comes out against the schemas of Kubernetes. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { ScaledObject, TriggerAuthentication } from "@kubernetes-models/keda/keda.sh/v1alpha1";
import {
  PodMonitor,
  PrometheusRule,
} from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment } from "kubernetes-models/apps/v1";
import { CronJob, Job } from "kubernetes-models/batch/v1";
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, PersistentVolumeClaim, Service, ServiceAccount } from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";
import { pathOf } from "./files.ts";

const python = pathOf("node_modules/.cache/python-servers/helm/bin/python");

export const hasHelm = existsSync(python);

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
  };
}

export interface Container {
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly [probeOrSetting: string]: unknown;
}

interface Volume {
  readonly name: string;
  readonly secret?: {
    readonly secretName: string;
    readonly defaultMode?: number;
    readonly items?: readonly { readonly key: string }[];
  };
  readonly configMap?: { readonly name: string; readonly optional?: boolean };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup?: number };
  readonly volumes?: readonly Volume[];
  readonly terminationGracePeriodSeconds?: number;
  readonly affinity?: unknown;
  readonly containers: readonly [Container, ...Container[]];
}

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: PodTemplate;
    readonly jobTemplate?: Manifest;
    readonly replicas?: number;
  };
}

export interface Pod extends PodTemplate {
  readonly kind: string;
  readonly name: string;
}

export type Rendered =
  | { readonly manifests: readonly Manifest[]; readonly pods: readonly Pod[] }
  | { readonly error: string };

/** One rendering, or its error, for each set of values; of a release that is named maskline. */
export function renderChart(values: readonly object[]): Rendered[] {
  const args = [pathOf("deploy/test/render-chart.py"), pathOf("deploy/chart")];
  const out = execFileSync(python, args, { input: JSON.stringify(values), encoding: "utf8" });
  const rendered = JSON.parse(out) as (
    | { readonly files: Readonly<Record<string, string>> }
    | { readonly error: string }
  )[];
  return rendered.map((each) => {
    if ("error" in each) return each;
    const manifests = Object.values(each.files).flatMap(readManifests);
    return { manifests, pods: manifests.flatMap(podOf) };
  });
}

/** As Kubernetes reads YAML: 0440 is octal. */
function readManifests(text: string): Manifest[] {
  const documents = parseAllDocuments(text, { version: "1.1" });
  return documents.flatMap((document) => (document.toJS() as Manifest | null) ?? []);
}

function podOf({ kind, metadata, spec }: Manifest): Pod[] {
  const template = (spec?.jobTemplate?.spec ?? spec)?.template;
  return template ? [{ kind, name: metadata.name, ...template }] : [];
}

interface Model {
  readonly validate: () => void;
}

/** Each by the schema of the kind's own API. */
const models: Readonly<Record<string, (manifest: never) => Model>> = {
  "apps/v1 Deployment": (manifest) => new Deployment(manifest),
  "batch/v1 CronJob": (manifest) => new CronJob(manifest),
  "batch/v1 Job": (manifest) => new Job(manifest),
  "keda.sh/v1alpha1 ScaledObject": (manifest) => new ScaledObject(manifest),
  "keda.sh/v1alpha1 TriggerAuthentication": (manifest) => new TriggerAuthentication(manifest),
  "monitoring.coreos.com/v1 PodMonitor": (manifest) => new PodMonitor(manifest),
  "monitoring.coreos.com/v1 PrometheusRule": (manifest) => new PrometheusRule(manifest),
  "networking.k8s.io/v1 Ingress": (manifest) => new Ingress(manifest),
  "networking.k8s.io/v1 NetworkPolicy": (manifest) => new NetworkPolicy(manifest),
  "policy/v1 PodDisruptionBudget": (manifest) => new PodDisruptionBudget(manifest),
  "v1 ConfigMap": (manifest) => new ConfigMap(manifest),
  "v1 PersistentVolumeClaim": (manifest) => new PersistentVolumeClaim(manifest),
  "v1 Service": (manifest) => new Service(manifest),
  "v1 ServiceAccount": (manifest) => new ServiceAccount(manifest),
};

/** @throws Error if it is not what its API takes, or of a kind that is not known here. */
export function validateManifest(manifest: Manifest): void {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  const model = models[kind];
  if (model === undefined) throw new Error(`There is no model of ${kind}.`);
  model(manifest as never).validate();
}

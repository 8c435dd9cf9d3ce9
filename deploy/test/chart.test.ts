/** What the chart makes of values, by Helm's own engine. */
import { describe, expect, test } from "vitest";
import { readConfig } from "../../apps/consumer/src/config.ts";
import { modeFault } from "../../packages/masking/src/node/key-file.ts";
import { hasHelm, type Manifest, type Pod, renderChart, validateManifest } from "./chart.ts";
import { readText, readYaml } from "./files.ts";

const everything = {
  imagePullSecrets: ["registry"],
  contract: { file: "orders.contract.ts", module: readText("examples/orders.contract.ts") },
  consumer: {
    settings: { MASKLINE_BATCH_SIZE: 500, LOG_LEVEL: "debug" },
    serviceAccountAnnotations: {
      "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/consumer",
    },
    podAnnotations: { "example.com/team": "logins" },
    nodeSelector: { "kubernetes.io/arch": "arm64" },
    tolerations: [{ key: "spot", operator: "Exists" }],
    priorityClassName: "high",
  },
  maintain: { enabled: true, keepMonths: 24, rewriteErased: true },
  audit: { enabled: true, settings: { RECOVER_CHECKPOINT: "s3://bucket/checkpoints" } },
  metrics: { podMonitor: true, rules: true, files: { enabled: true, storageClass: "fast" } },
};
const digest = `sha256:${"0".repeat(64)}`;
const least = {
  images: { consumer: { name: "registry.example.com/own", digest } },
  scaling: { keda: false, minReplicas: 3 },
  migrate: { enabled: false },
  networkPolicy: { enabled: false },
};

/** Values, and the place that Helm names. */
const refused: readonly (readonly [values: object, place: string])[] = [
  [{ queue: { url: "login-queue" } }, "/queue/url"],
  [{ queue: { urls: "" } }, "/queue"],
  [{ quue: {} }, "at ''"],
  [{ scaling: { maxReplicas: 0 } }, "/scaling/maxReplicas"],
  [
    { consumer: { settings: { MASKLINE_KEYRING: "/else.json" } } },
    "propertyName 'MASKLINE_KEYRING'",
  ],
  [
    { consumer: { settings: { DATABASE_URL: "postgres://u:p@h/d" } } },
    "propertyName 'DATABASE_URL'",
  ],
  [{ images: { consumer: { digest: "sha256:1" } } }, "/images/consumer/digest"],
  [{ maintain: { schedule: "daily" } }, "/maintain/schedule"],
  [{ maintain: { keepMonths: -1 } }, "/maintain/keepMonths"],
  [{ metrics: { files: { size: "much" } } }, "/metrics/files/size"],
  [{ networkPolicy: { databasePorts: ["5432"] } }, "/networkPolicy/databasePorts/0"],
];

test("Helm's engine is there", ({ skip }) => {
  skip(!hasHelm, "Helm's engine is not installed: test/python-servers/install.sh does that");
  expect(renderChart([{}])).toHaveLength(1);
});

describe.runIf(hasHelm)("the chart", () => {
  const values = [{}, everything, least, ...refused.map(([each]) => each)];
  // Vitest runs the body of a describe that it skips as well.
  const all = hasHelm ? renderChart(values) : values.map(() => ({ manifests: [], pods: [] }));
  const [byDefault, whole, small] = all.slice(0, 3).map((rendered) => {
    if ("error" in rendered) throw new Error(rendered.error);
    return rendered;
  }) as [Made, Made, Made];
  interface Made {
    readonly manifests: readonly Manifest[];
    readonly pods: readonly Pod[];
  }
  const { pods, manifests } = whole;
  const jobs = pods.filter(({ kind }) => kind.endsWith("Job"));
  const find = (name: string): Pod => {
    const found = pods.find((pod) => pod.name.startsWith(name));
    if (!found) throw new Error(`There is no ${name}.`);
    return found;
  };

  test.each([
    ["by default", byDefault, ["Deployment", "Job"]],
    ["with all", whole, ["CronJob", "CronJob", "CronJob", "Deployment", "Deployment", "Job"]],
    ["with the least", small, ["Deployment"]],
  ] as const)("%s makes what the APIs' schemas take", (_, { manifests: made, pods: of }, kinds) => {
    expect(of.map(({ kind }) => kind).toSorted()).toEqual(kinds);
    for (const manifest of made) expect(() => validateManifest(manifest)).not.toThrow();
    const names = made.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test("the schemas refuse what is none", () => {
    const [config] = manifests.filter(({ kind }) => kind === "ConfigMap");
    expect(() => validateManifest({ ...config, data: 1 } as never)).toThrow("data");
  });

  test.each(refused.map(([values, place], at) => ({ values, place, rendered: all[at + 3] })))(
    "$values is refused, by its place",
    ({ place, rendered }) => {
      expect(rendered).toEqual({ error: expect.stringContaining(place) });
    },
  );

  test("every value has a schema, down to the last", () => {
    const schema = JSON.parse(readText("deploy/chart/values.schema.json")) as Schema;
    const unsaid = (values: object, at: Schema, path: string): string[] =>
      Object.entries(values).flatMap(([name, value]) => {
        const said = at.properties?.[name];
        if (!said) return at.additionalProperties === false ? [`${path}.${name}`] : [];
        const named = said.$ref ? schema.$defs?.[said.$ref.replace("#/$defs/", "")] : said;
        const isTree = typeof value === "object" && value !== null && !Array.isArray(value);
        return isTree && named ? unsaid(value as object, named, `${path}.${name}`) : [];
      });
    interface Schema {
      readonly $ref?: string;
      readonly $defs?: Readonly<Record<string, Schema>>;
      readonly properties?: Readonly<Record<string, Schema>>;
      readonly additionalProperties?: boolean | object;
    }
    const values = readYaml("deploy/chart/values.yaml") as object;
    expect(unsaid(values, schema, "")).toEqual([]);
    expect(Object.keys(schema.properties ?? {}).filter((name) => name !== "global")).toEqual(
      Object.keys(values),
    );
  });

  // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and a read-only root
  test.each(pods)("the pod of $kind $name meets the restricted standard", ({ spec }) => {
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    for (const container of spec.containers) {
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

  test("every pod is under the network policy", () => {
    for (const { metadata } of pods) {
      expect(metadata.labels).toMatchObject({ "app.kubernetes.io/instance": "maskline" });
    }
  });

  test("the consumer accepts its environment, is probed where it answers, and is given longer to stop than it takes", () => {
    const { spec } = find("maskline-consumer");
    const [container] = spec.containers;
    const config = manifests.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "maskline-consumer",
    );
    const env = Object.fromEntries([
      ...Object.entries(config?.data ?? {}),
      ...(container.env ?? []).map(({ name, value, valueFrom }) => [
        name,
        value ?? (valueFrom?.configMapKeyRef ? "login" : "postgresql://secret/x"),
      ]),
    ]) as Record<string, string>;

    const read = readConfig(env);

    expect(read).toMatchObject({
      config: { PORT: 8080, MASKLINE_BATCH_SIZE: 500, LOG_LEVEL: "debug", unknownSettings: [] },
    });
    expect(container).toMatchObject({
      ports: [{ name: "health", containerPort: 8080 }],
      livenessProbe: { httpGet: { path: "/live", port: "health" } },
      readinessProbe: { httpGet: { path: "/ready", port: "health" } },
    });
    const shutdownMs = "config" in read ? read.config.MASKLINE_SHUTDOWN_SECONDS * 1000 : NaN;
    expect((spec.terminationGracePeriodSeconds ?? 0) * 1000).toBeGreaterThan(shutdownMs);
  });

  test("a digest wins over a tag, and without KEDA there are as many consumers as are asked for", () => {
    const [consumer] = small.pods;
    expect(consumer?.spec.containers[0]["image"]).toBe(`registry.example.com/own@${digest}`);
    const deployment = small.manifests.find(({ kind }) => kind === "Deployment");
    expect(deployment?.spec?.replicas).toBe(3);
    expect(small.manifests.map(({ kind }) => kind)).not.toContain("ScaledObject");
    const scaled = byDefault.manifests.find(({ kind }) => kind === "Deployment");
    expect(scaled?.spec).not.toHaveProperty("replicas");
  });

  test.each([
    ["maskline-consumer", "maskline-keyring"],
    ["maskline-audit-checkpoint", "maskline-witness"],
  ])("%s can read %s as it is mounted, and takes it for a secret that is kept", (name, secret) => {
    const { securityContext, volumes = [] } = find(name).spec;
    const mounted = volumes.find((volume) => volume.secret?.secretName === secret);
    const mode = mounted?.secret?.defaultMode ?? 0;

    // The kubelet gives the files to root and to the pod's fsGroup.
    expect(securityContext.fsGroup).toBeDefined();
    expect(mode & 0o040).not.toBe(0);
    expect(modeFault({ mode, uid: 0 }, true, securityContext.runAsUser)).toBeNull();
  });

  test("only the checkpoint's job holds a signing key", () => {
    const holders = pods.filter(({ spec }) => JSON.stringify(spec).includes("signing-key.pem"));

    expect(holders.map(({ name }) => name)).toEqual(["maskline-audit-checkpoint"]);
  });

  test("consumer and migration take the same contract, a module of one's own too", () => {
    const config = manifests.find(({ metadata }) => metadata.name === "maskline-contract");
    expect(config?.data).toEqual({
      MASKLINE_CONTRACT: "/contract/orders.contract.ts",
      "orders.contract.ts": expect.stringContaining("defineContract"),
    });
    for (const { spec } of [find("maskline-consumer"), find("maskline-migrate")]) {
      const [container] = spec.containers;
      expect(container.env).toContainEqual({
        name: "MASKLINE_CONTRACT",
        valueFrom: { configMapKeyRef: { name: "maskline-contract", key: "MASKLINE_CONTRACT" } },
      });
      expect(container.volumeMounts).toContainEqual(
        expect.objectContaining({ name: "contract", mountPath: "/contract" }),
      );
      expect(spec.volumes).toContainEqual({
        name: "contract",
        configMap: { name: "maskline-contract" },
      });
    }
  });

  test("another contract starts consumers anew, and is migrated to by a job of its own", () => {
    const [before, after] = [byDefault, whole].map(({ pods: of }) => ({
      consumer: of.find(({ name }) => name === "maskline-consumer")?.metadata,
      job: of.find(({ kind }) => kind === "Job")?.name,
    }));
    expect(before?.consumer).not.toEqual(after?.consumer);
    expect(before?.job).not.toBe(after?.job);
  });

  test.each(jobs)("$name can be given the authority of the database's certificate", ({ spec }) => {
    expect(spec.volumes).toContainEqual({
      name: "database-ca",
      configMap: { name: "maskline-database-ca", optional: true },
    });
  });

  test("each job leaves its metrics in a file of its own, on the volume that node_exporter serves", () => {
    const files = jobs.map(
      ({ spec }) =>
        spec.containers[0].env?.find(({ name }) => name === "MASKLINE_METRICS_FILE")?.value,
    );
    expect(new Set(files)).toEqual(
      new Set(
        ["checkpoint", "maintain", "migrate", "verify"].map((name) => `/metrics/${name}.prom`),
      ),
    );
    for (const { spec } of [...jobs, find("maskline-metrics")]) {
      expect(spec.volumes).toContainEqual({
        name: "metrics",
        persistentVolumeClaim: { claimName: "maskline-metrics" },
      });
      expect(spec.containers[0].volumeMounts).toContainEqual(
        expect.objectContaining({ name: "metrics", mountPath: "/metrics" }),
      );
    }
    // A volume that one node can mount keeps them there.
    for (const { spec } of jobs) {
      expect(JSON.stringify(spec.affinity)).toContain(
        '"app.kubernetes.io/name":"maskline-metrics"',
      );
    }
    expect(JSON.stringify(byDefault.pods)).not.toContain("MASKLINE_METRICS_FILE");
  });

  test("the schedule of months has its flags", () => {
    expect(find("maskline-maintain").spec.containers[0].args).toEqual([
      "dist/command/maintain.js",
      "--keep-months=24",
      "--rewrite-erased",
    ]);
  });

  test("the operator's rule has the same groups as Prometheus' own", () => {
    const rule = manifests.find(({ kind }) => kind === "PrometheusRule");
    expect(rule?.spec).toEqual(readYaml("deploy/monitoring/rules.yaml"));
  });
});

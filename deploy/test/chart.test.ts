/** What the chart makes of values, by Helm's own engine. */
import { describe, expect, test } from "vitest";
import { readConfig as readConsoleConfig } from "../../apps/console/src/config.ts";
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
  console: {
    enabled: true,
    origin: "https://console.example.com:8443",
    issuer: "https://login.example.com/realms/people",
    clientId: "maskline",
    webhook: true,
    serviceAccountAnnotations: {
      "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/console",
    },
    settings: { MASKLINE_TENANT: "eu", LOG_LEVEL: "debug" },
    ingress: {
      enabled: true,
      className: "nginx",
      annotations: { "example.com/timeout": "60" },
      tlsSecret: "console-tls",
    },
  },
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
  [{ console: { enabled: true } }, "/console/origin"],
  [{ console: { origin: "https://console.example.com/path" } }, "/console/origin"],
  [
    { console: { settings: { CONSOLE_DATABASE_URL: "postgres://u:p@h/d" } } },
    "propertyName 'CONSOLE_DATABASE_URL'",
  ],
  [{ console: { settings: { RECOVER_KEYRING: "/else.json" } } }, "propertyName 'RECOVER_KEYRING'"],
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
    [
      "with all",
      whole,
      ["CronJob", "CronJob", "CronJob", "Deployment", "Deployment", "Deployment", "Job"],
    ],
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

  const specOf = (kind: string, name: string): unknown =>
    manifests.find((each) => each.kind === kind && each.metadata.name === name)?.spec;

  /** As the container has it: of a Secret, the entry's name in a value that would do. */
  const environmentOf = (name: string): Record<string, string> => {
    const config = manifests.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name,
    );
    return Object.fromEntries([
      ...Object.entries(config?.data ?? {}),
      ...(find(name).spec.containers[0].env ?? []).map(({ name: variable, value, valueFrom }) => {
        const secret = valueFrom?.secretKeyRef?.key.includes("webhook")
          ? "https://hooks.example.com/secret"
          : "postgresql://secret/x";
        return [variable, value ?? (valueFrom?.configMapKeyRef ? "login" : secret)];
      }),
    ]) as Record<string, string>;
  };

  test("the console accepts its environment, is one, is probed where it answers, and is given longer to stop than it takes", () => {
    const { spec } = find("maskline-console");
    expect(readConsoleConfig(environmentOf("maskline-console"))).toMatchObject({
      config: {
        PORT: 8090,
        MASKLINE_TENANT: "eu",
        CONSOLE_CONSUMERS: [new URL("http://maskline-consumer:8080/metrics")],
        CONSOLE_WEBHOOK_URL: new URL("https://hooks.example.com/secret"),
        RECOVER_PRIVATE_KEYRING: "/keys/private-keyring.json",
        MASKLINE_KEYRING: "/keyring/keyring.json",
      },
    });
    expect(spec.containers[0]).toMatchObject({
      ports: [{ name: "http", containerPort: 8090 }],
      livenessProbe: { httpGet: { path: "/live", port: "http" } },
      readinessProbe: { httpGet: { path: "/ready", port: "http" } },
    });
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(10);
    expect(specOf("Deployment", "maskline-console")).toMatchObject({
      replicas: 1,
      strategy: { type: "Recreate" },
    });
  });

  test("the console is reached by its host's name, and reaches each consumer by its address, ready or not", () => {
    expect(specOf("Ingress", "maskline-console")).toMatchObject({
      ingressClassName: "nginx",
      tls: [{ hosts: ["console.example.com"], secretName: "console-tls" }],
      rules: [
        {
          host: "console.example.com",
          http: {
            paths: [{ backend: { service: { name: "maskline-console", port: { name: "http" } } } }],
          },
        },
      ],
    });
    expect(specOf("Service", "maskline-console")).toMatchObject({
      selector: { "app.kubernetes.io/name": "maskline-console" },
      ports: [{ name: "http", targetPort: "http" }],
    });
    expect(specOf("Service", "maskline-consumer")).toMatchObject({
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { "app.kubernetes.io/name": "maskline-consumer" },
      ports: [{ port: 8080, targetPort: "health" }],
    });
    const isFrom = {
      podSelector: { matchLabels: { "app.kubernetes.io/name": "maskline-console" } },
    };
    expect(specOf("NetworkPolicy", "maskline-metrics")).toMatchObject({
      ingress: [{ from: expect.arrayContaining([isFrom]) }],
    });
    expect(specOf("NetworkPolicy", "maskline-console")).toMatchObject({
      ingress: [{ ports: [{ port: "http" }] }],
      egress: [{ ports: [{ port: "health" }] }],
    });
  });

  test("without the console there is nothing of it, and only it holds the private keyring", () => {
    expect(
      JSON.stringify(byDefault.manifests.filter(({ kind }) => kind !== "NetworkPolicy")),
    ).not.toContain("console");
    const holders = pods.filter(({ spec }) => JSON.stringify(spec).includes("private-keyring"));
    expect(holders.map(({ name }) => name)).toEqual(["maskline-console"]);
  });

  test("the consumer accepts its environment, is probed where it answers, and is given longer to stop than it takes", () => {
    const { spec } = find("maskline-consumer");
    const [container] = spec.containers;

    const read = readConfig(environmentOf("maskline-consumer"));

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
    ["maskline-console", "maskline-console-keys"],
    ["maskline-console", "maskline-keyring"],
  ])("%s can read %s as it is mounted, and takes it for a secret that is kept", (name, secret) => {
    const { securityContext, volumes = [] } = find(name).spec;
    const mounted = volumes.find((volume) => volume.secret?.secretName === secret);
    const mode = mounted?.secret?.defaultMode ?? 0;

    // The kubelet gives the files to root and to the pod's fsGroup.
    expect(securityContext.fsGroup).toBeDefined();
    expect(mode & 0o040).not.toBe(0);
    expect(modeFault({ mode, uid: 0 }, true, securityContext.runAsUser)).toBeNull();
  });

  test("only the checkpoint's job and the console hold a signing key", () => {
    const holders = pods.filter(({ spec }) => JSON.stringify(spec).includes("signing-key.pem"));

    expect(new Set(holders.map(({ name }) => name))).toEqual(
      new Set(["maskline-audit-checkpoint", "maskline-console"]),
    );
  });

  test("consumer, console and migration take the same contract, a module of one's own too", () => {
    const config = manifests.find(({ metadata }) => metadata.name === "maskline-contract");
    expect(config?.data).toEqual({
      MASKLINE_CONTRACT: "/contract/orders.contract.ts",
      "orders.contract.ts": expect.stringContaining("defineContract"),
    });
    for (const name of ["maskline-consumer", "maskline-console", "maskline-migrate"]) {
      const { spec } = find(name);
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

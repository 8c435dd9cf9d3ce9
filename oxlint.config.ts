/** How the linter holds the house: which room may import what, and what no file may do. */
import type { OxlintConfig } from "oxlint";

interface Pattern {
  readonly regex: string;
  readonly message: string;
  readonly allowTypeImports?: boolean;
}

/** Holds the imports of a room's files; of two rooms that both name a file, the later counts. */
function room(files: readonly string[], ...patterns: readonly Pattern[]): Override {
  const all = [...patterns, byName, withinSource];
  return { files: [...files], rules: { "no-restricted-imports": ["error", { patterns: all }] } };
}

type Override = NonNullable<OxlintConfig["overrides"]>[number];

const byName: Pattern = {
  regex: "^@org/[^/]+/(src|dist)/",
  message: "Import a workspace package by its name.",
};

const withinSource: Pattern = {
  regex: String.raw`^\.(.*/)?(src|dist|test)/`,
  message:
    "A relative path stays within its package's src: import a workspace package by its name.",
};

const packages = [
  "bench",
  "chaos",
  "db",
  "drill",
  "faults",
  "local",
  "masking",
  "recovery",
  "run-metrics",
  "schema",
  "scrape",
  "settings",
  "sqs",
];

/** No workspace package but these; the patterns know no look-ahead. */
const only = (...names: readonly string[]): Pattern => ({
  regex: `^@org/(${packages.filter((each) => !names.includes(each)).join("|")})(/|$)`,
  message: `Of the workspace packages, this one may import: ${names.join(", ") || "none"}.`,
});

const maskingTypesOnly: Pattern = {
  regex: "^@org/masking(/|$)",
  allowTypeImports: true,
  message: "db imports only types from @org/masking.",
};

const adapters: Pattern = {
  regex: "^(@org/(db|sqs)|@aws-sdk/[^/]+|@smithy/[^/]+|drizzle-orm|pg)(/|$)",
  allowTypeImports: true,
  message: "Only compose.ts opens adapters; everything else is handed them.",
};

const keys: Pattern = { ...adapters, regex: "^@org/masking/" };

const unsealing: Pattern = {
  regex: "^@org/masking/unseal$",
  message: "The consumer cannot open the vault.",
};

const pages: Pattern = {
  regex: "^console(/|$)",
  message: "Only src/console serves the console's pages.",
};

const notInProduction: Pattern = {
  regex: "^@org/(local|faults)(/|$)",
  message: "The embedded stack and its faults are for demo and tests.",
};

const config: OxlintConfig = {
  options: { typeAware: true },
  plugins: ["typescript", "import", "node", "promise", "unicorn", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  env: { node: true, es2024: true },
  rules: {
    eqeqeq: "error",
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "max-params": ["error", { max: 4 }],
    "no-console": "error",
    "no-shadow": "off",
    "node/no-process-env": "error",
    "typescript/await-thenable": "error",
    // The compiler's noImplicitReturns knows that a switch over a union is whole.
    "typescript/consistent-return": "off",
    "typescript/consistent-type-imports": "error",
    "typescript/explicit-module-boundary-types": "error",
    "typescript/method-signature-style": ["error", "property"],
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unsafe-type-assertion": "off",
    "typescript/only-throw-error": "error",
    "typescript/return-await": ["error", "error-handling-correctness-only"],
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/unbound-method": "off",
    // The second argument is what a failure is called.
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
  },
  overrides: [
    room(["packages/{masking,scrape,sqs,settings}/src/**"], only()),
    room(["packages/run-metrics/src/**"], only("settings")),
    room(["packages/schema/src/**"], only("masking")),
    room(["packages/local/src/**"], only("schema")),
    room(["packages/faults/src/**"], only("local", "schema")),
    room(
      ["packages/db/src/**"],
      only("run-metrics", "schema", "settings", "masking"),
      maskingTypesOnly,
    ),
    room(["packages/recovery/src/**"], only("db", "masking", "schema", "settings"), adapters),
    room(["packages/recovery/src/audit/s3-sink.ts"], only("db", "masking", "schema", "settings")),
    room(["apps/*/src/**"]),
    room(["apps/demo/src/**"], only("local", "faults", "schema", "scrape")),
    room(["apps/consumer/src/**"], adapters, keys, unsealing, notInProduction),
    room(["apps/consumer/src/{compose,open-work,lambda/compose}.ts"], unsealing, notInProduction),
    room(["apps/recover/src/**"], adapters, notInProduction, pages),
    room(["apps/recover/src/console/**"], adapters, notInProduction),
    room(["apps/recover/src/compose.ts"], notInProduction, pages),
    room(["apps/console/src/**"], adapters, notInProduction),
    room(["apps/console/src/compose.ts"], notInProduction),
    {
      files: [
        "apps/*/src/{config,main}.ts",
        "apps/demo/**",
        "packages/db/src/command/*.ts",
        "packages/{local,faults}/**",
        "chaos/**",
        "bench/src/**",
        "**/test/**",
        "**/checks/**",
        "**/*.config.ts",
      ],
      rules: { "node/no-process-env": "off" },
    },
    {
      files: ["**/*.config.ts", "**/test/global-setup.ts"],
      rules: { "import/no-default-export": "off" },
    },
  ],
  ignorePatterns: ["dist", "**/migrations/**", "**/*.json"],
};

export default config;

declare module "vitest" {
  /** What test/global-setup.ts hands to tests through `inject`. */
  interface ProvidedContext {
    /** The superuser's URL of the run's PostgreSQL; its database `maskline_template` is migrated. */
    postgresAdminUrl: string;
    /** Where the run's SQS server listens. */
    queueEndpoint: string;
  }
}

export type { ProvidedContext } from "vitest";

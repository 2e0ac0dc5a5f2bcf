/** Reads the secrets that a configuration names. */
import { UsageError } from "../service/mod.ts";
import type { S3Credentials } from "./blobs/s3.ts";
import type { ResponsesConfig } from "./config.ts";

/** Secrets that the configuration names but does not contain. */
export interface Secrets {
  /** The model server's key. */
  readonly apiKey?: string;
  /** Key of sealed items. */
  readonly sealSecret?: string;
  /** URL of the PostgreSQL store, its password included. */
  readonly postgresUrl?: string;
  readonly s3?: S3Credentials;
  /** The key of the search engine that `web_search` asks. */
  readonly webSearchKey?: string;
}

/**
 * Reads from the environment what a configuration needs: the variables that `engine.api_key_env`,
 * `engine.seal_key_env`, `store.postgres_env` and `web_search.brave.key_env` name, and for `files.s3` those of Amazon's own tools.
 *
 * @throws {UsageError} when one of them is not set
 */
export function secretsOf(
  { engine, store, files, web_search }: ResponsesConfig,
  env: (name: string) => string | undefined,
): Secrets {
  const needed = (name: string, key: string, what: string): string => {
    const value = env(name);
    if (value) return value;
    throw new UsageError(
      `Cannot use ${key}: the environment variable "${name}" is not set: it must hold ${what}`,
    );
  };
  const sessionToken = env("AWS_SESSION_TOKEN");
  return {
    ...(engine.api_key_env && {
      apiKey: needed(engine.api_key_env, "engine.api_key_env", "the model server's key"),
    }),
    ...(engine.seal_key_env && {
      sealSecret: needed(engine.seal_key_env, "engine.seal_key_env", "the secret of sealed items"),
    }),
    ...(store.postgres_env && {
      postgresUrl: needed(store.postgres_env, "store.postgres_env", "the database's URL"),
    }),
    ...(web_search?.brave && {
      webSearchKey: needed(web_search.brave.key_env, "web_search.brave.key_env", "Brave's key"),
    }),
    ...(files.s3 && {
      s3: {
        accessKeyId: needed("AWS_ACCESS_KEY_ID", "files.s3", "the id of an access key"),
        secretAccessKey: needed("AWS_SECRET_ACCESS_KEY", "files.s3", "the access key's secret"),
        ...(sessionToken && { sessionToken }),
      },
    }),
  };
}

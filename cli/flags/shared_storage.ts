/** The flags of what several Responses gateways share, and what they describe. */
import type { SharedStorage } from "../../manifests/mod.ts";
import { UsageError } from "../../service/mod.ts";
import { textOption, urlOption } from "../../options/mod.ts";

/** Names of Secrets: DNS subdomains (RFC 1123). Keys in them: letters, digits, `-`, `_` and `.`. */
const SECRET = /^([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)(?:\/([-._a-zA-Z0-9]+))?$/;

/** The key under which operators of PostgreSQL keep the URL (CloudNativePG, "Secrets"). */
const URI_KEY = "uri";

/** A database and a bucket for the Responses gateway. */
export const SHARED_STORAGE_OPTIONS = {
  postgresSecret: textOption("--postgres-secret <NAME[/KEY]>", {
    description:
      `Secret with the URL of a PostgreSQL for the responses profile, in its key "${URI_KEY}" unless named`,
  }),
  s3Bucket: textOption("--s3-bucket <NAME>", {
    description: "bucket of its files, which must be there",
  }),
  s3Secret: textOption("--s3-secret <NAME>", {
    description: "Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the bucket",
  }),
  s3Region: textOption("--s3-region <NAME>", {
    description: "region of the bucket; us-east-1 when left out",
  }),
  s3Endpoint: urlOption("--s3-endpoint <URL>", {
    description: "S3-compatible server other than Amazon's",
  }),
};

/** The values of the flags above. */
export interface SharedStorageValues {
  readonly postgresSecret?: string | undefined;
  readonly s3Bucket?: string | undefined;
  readonly s3Secret?: string | undefined;
  readonly s3Region?: string | undefined;
  readonly s3Endpoint?: string | undefined;
}

/**
 * Returns the storage that the flags describe; undefined without any of them.
 *
 * @throws {UsageError} when one is missing or malformed
 */
export function sharedStorageOf(values: SharedStorageValues): SharedStorage | undefined {
  const { postgresSecret, s3Bucket, s3Secret, s3Region, s3Endpoint } = values;
  const given = [postgresSecret, s3Bucket, s3Secret, s3Region, s3Endpoint];
  if (given.every((value) => value === undefined)) return undefined;
  if (postgresSecret === undefined || s3Bucket === undefined || s3Secret === undefined) {
    throw new UsageError(
      "Cannot share storage by halves: several pods need --postgres-secret, --s3-bucket and --s3-secret",
    );
  }
  return {
    postgres: secretOf("--postgres-secret", postgresSecret, URI_KEY),
    s3: {
      bucket: s3Bucket,
      secret: secretOf("--s3-secret", s3Secret).secret,
      ...(s3Region === undefined ? {} : { region: s3Region }),
      ...(s3Endpoint === undefined ? {} : { endpoint: s3Endpoint }),
    },
  };
}

/** Without a key of its own, a Secret may have one named. */
function secretOf(flag: string, value: string, key?: string): { secret: string; key: string } {
  const [, secret, named] = SECRET.exec(value) ?? [];
  if (secret !== undefined && (named === undefined || key !== undefined)) {
    return { secret, key: named ?? key ?? "" };
  }
  const form = key === undefined ? "the name of a Secret" : "NAME or NAME/KEY of a Secret";
  throw new UsageError(`Cannot use ${flag}: expected ${form}: current value is "${value}"`);
}

/** Secrets in files that a configuration names (SDS by a path), as resources of this server. */
import {
  canonicalJson,
  isObject,
  type Json,
  type JsonObject,
  readTypedConfig,
  valueAt,
} from "../envoy/mod.ts";
import { messageOf, readPlainTextFile, UsageError } from "../service/mod.ts";
import { TYPE } from "./resources.ts";

/** A configuration whose secrets come from elsewhere than from files. */
export interface WithSecrets {
  /** The configuration, with another source in place of each file. */
  readonly config: JsonObject;
  /** Messages by their names. */
  readonly secrets: ReadonlyMap<string, JsonObject>;
  /** Files that they were read from. */
  readonly files: readonly string[];
}

/**
 * Reads the secrets of a configuration and names `source` as where they come from. One whose name stands for another
 * secret already keeps its file.
 *
 * @throws {UsageError} when a file cannot be read, or does not have the secret
 */
export async function secretsOf(bootstrap: JsonObject, source: JsonObject): Promise<WithSecrets> {
  const config = structuredClone(bootstrap);
  const secrets = new Map<string, JsonObject>();
  const read = new Map<string, readonly JsonObject[]>();
  for (const reference of referencesIn(config)) {
    const path = String(valueAt(reference, PATH));
    const name = String(reference.name);
    const held = read.get(path) ?? await secretsIn(path);
    read.set(path, held);
    const secret = held.find((one) => one.name === name);
    if (secret === undefined) {
      throw new UsageError(`Cannot serve the secret "${name}": "${path}" does not have it`);
    }
    const known = secrets.get(name);
    if (known !== undefined && canonicalJson(known) !== canonicalJson(secret)) continue;
    secrets.set(name, secret);
    reference.sds_config = structuredClone(source);
  }
  return { config, secrets, files: [...read.keys()] };
}

const PATH = "sds_config/path_config_source/path";

/** Every `SdsSecretConfig` of a value whose secret is in a file. */
function referencesIn(value: Json | undefined): JsonObject[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value).flatMap(referencesIn);
  const isReference = isObject(value) && typeof value.name === "string" &&
    typeof valueAt(value, PATH) === "string";
  return isReference ? [value, ...inner] : inner;
}

async function secretsIn(path: string): Promise<JsonObject[]> {
  let text: string;
  try {
    text = await readPlainTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the secrets in "${path}": ${messageOf(error)}`);
  }
  const { readings } = await readTypedConfig(text, { name: path });
  const [problem] = readings.flatMap(({ problems }) => problems);
  if (problem !== undefined) {
    throw new UsageError(`${path}:${problem.line}:${problem.column}: ${problem.found}`);
  }
  return readings.flatMap(({ root }) => Array.isArray(root.resources) ? root.resources : [])
    .filter(isObject).filter((one) => one["@type"] === TYPE.sds);
}

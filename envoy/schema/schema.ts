/** The message types that an Envoy was built with, by name: the shipped set, or those of a program at hand. */
import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromJson,
  toBinary,
} from "@bufbuild/protobuf";
import { messageOf, UnavailableError, UsageError } from "../../service/mod.ts";
import shipped from "./envoy.binpb.br" with { type: "bytes" };
import type { JsonObject } from "../tree.ts";
import { LimitChecker } from "./limits.ts";
import { descriptorsIn, parseDescriptors, serialiseDescriptors } from "./descriptors.ts";

/** The version whose descriptors are shipped; `scripts/envoy_schema.ts` writes both. */
export const SHIPPED_SCHEMA_VERSION = "1.40.0";

/** Message types by their full names. */
export class EnvoySchema {
  readonly #registry: FileRegistry;
  /** Checks values beside their types, as Envoy does. */
  readonly limits: LimitChecker;
  readonly #fields = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

  /** `name` says whose types they are, for messages: `Envoy 1.40.0`. */
  constructor(readonly name: string, serialised: Uint8Array) {
    this.#registry = createFileRegistry(parseDescriptors(serialised));
    this.limits = new LimitChecker(this.message("validate.FieldRules"));
  }

  message(typeName: string): DescMessage | undefined {
    return this.#registry.getMessage(typeName);
  }

  /**
   * Encodes a message in the canonical form, `@type` beside its fields, as protobuf's bytes.
   *
   * @throws {UsageError} when there is no such type, or a field that it does not have
   */
  encode({ "@type": url, ...fields }: JsonObject): Uint8Array {
    const typeName = String(url).replace(/^.*\//, "");
    const message = this.message(typeName);
    if (message === undefined) {
      throw new UsageError(`Cannot encode "${typeName}": ${this.name} has no such message`);
    }
    try {
      return toBinary(message, fromJson(message, fields, { registry: this.#registry }));
    } catch (error) {
      throw new UsageError(`Cannot encode "${typeName}": ${messageOf(error)}`);
    }
  }

  /** A message's fields by both spellings that Envoy takes: `idle_timeout` and `idleTimeout`. */
  fields(message: DescMessage): ReadonlyMap<string, DescField> {
    let fields = this.#fields.get(message);
    if (fields === undefined) {
      fields = new Map(
        message.fields.flatMap((field) => [[field.name, field], [camelCase(field.name), field]]),
      );
      this.#fields.set(message, fields);
    }
    return fields;
  }
}

/** A field's name in protobuf's JSON mapping; programs hold their descriptors without it. */
function camelCase(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    .replaceAll("_", "");
}

let shippedSchema: EnvoySchema | undefined;

/** The types of the Envoy that this version was made for; needs no Envoy. */
export function shippedEnvoySchema(): EnvoySchema {
  shippedSchema ??= new EnvoySchema(
    `Envoy ${SHIPPED_SCHEMA_VERSION}`,
    brotliDecompressSync(shipped),
  );
  return shippedSchema;
}

/**
 * The types that the Envoy at `path` was built with, kept in `folder` under the program's SHA-256, so that they are
 * looked for once. A folder that cannot be written costs the search each time.
 *
 * @throws {UnavailableError} when the program cannot be read, or holds no descriptors
 */
export async function envoySchemaOf(
  { path, name, folder }: {
    readonly path: string;
    readonly name: string;
    readonly folder?: string;
  },
): Promise<EnvoySchema> {
  let program: Uint8Array;
  try {
    program = await Deno.readFile(path);
  } catch (error) {
    throw new UnavailableError(
      `Cannot read the message types of "${path}": ${
        error instanceof Error ? error.message : error
      }`,
    );
  }
  const sha256 = createHash("sha256").update(program).digest("hex");
  const kept = folder === undefined ? undefined : `${folder}/${sha256}.binpb.br`;
  const known = kept && await Deno.readFile(kept).catch(() => undefined);
  if (known) {
    try {
      return new EnvoySchema(name, brotliDecompressSync(known));
    } catch {
      // A damaged file: made again.
    }
  }
  const set = descriptorsIn(program);
  const serialised = serialiseDescriptors(set);
  let schema: EnvoySchema;
  try {
    schema = new EnvoySchema(name, serialised);
  } catch {
    throw new UnavailableError(`Cannot read the message types of "${path}": they are not whole`);
  }
  if (schema.message("envoy.config.bootstrap.v3.Bootstrap") === undefined) {
    throw new UnavailableError(`Cannot read the message types of "${path}": it is no Envoy`);
  }
  if (kept && folder !== undefined) await keep(folder, kept, serialised);
  return schema;
}

/** The types that a program was built with, packed as small as it goes; takes about a second. */
export function packed(program: Uint8Array): Uint8Array {
  const serialised = serialiseDescriptors(descriptorsIn(program));
  return brotliCompressSync(serialised, {
    params: {
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: serialised.length,
    },
  });
}

/** Under a name of its own first: two runs may write at once. */
async function keep(folder: string, path: string, serialised: Uint8Array): Promise<void> {
  const partial = `${path}.${Deno.pid}`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(partial, brotliCompressSync(serialised));
    await Deno.rename(partial, path);
  } catch {
    await Deno.remove(partial).catch(() => {});
  }
}

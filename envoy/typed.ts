/** The door to Envoy's own reading of configurations: what stands behind it is loaded when a text is to be read. */
import { loadModule } from "../service/mod.ts";
import { loadPatterns } from "../patterns/mod.ts";
import type { Readings } from "./schema/reading.ts";
import type { EnvoySchema } from "./schema/schema.ts";
import type { JsonObject } from "./tree.ts";

/** The message types that a text is read by. */
export interface SchemaSource {
  /** An Envoy program; the types of the default version are shipped and need none. */
  readonly path: string;
  /** Its name in messages: `Envoy 1.38.2`. */
  readonly name: string;
  /** Where its types are kept, by the program's SHA-256. */
  readonly folder?: string;
}

/**
 * Reads every Envoy configuration of a text as Envoy does: YAML or JSON by its own message types, in one form, with the
 * places in the text and with what it would refuse.
 *
 * @throws {UsageError} with line and column when the text cannot be parsed, or says what it is when it is none
 * @throws {UnavailableError} when the types of an Envoy cannot be read
 */
export async function readTypedConfig(
  text: string,
  options: { readonly name: string; readonly schema?: SchemaSource },
): Promise<Readings> {
  const [{ readTyped }, { parseYamlSource }, schema] = await Promise.all([
    loadModule<typeof import("./schema/reading.ts")>("envoy/schema/reading.ts"),
    loadModule<typeof import("./schema/yaml_source.ts")>("envoy/schema/yaml_source.ts"),
    schemaOf(options.schema),
    loadPatterns(),
  ]);
  return readTyped(text, { name: options.name, schema, parseYaml: parseYamlSource });
}

const loadSchema = () => loadModule<typeof import("./schema/schema.ts")>("envoy/schema/schema.ts");

const schemas = new Map<string, Promise<EnvoySchema>>();

async function schemaOf(source: SchemaSource | undefined): Promise<EnvoySchema> {
  const { envoySchemaOf, shippedEnvoySchema } = await loadSchema();
  if (source === undefined) return shippedEnvoySchema();
  let schema = schemas.get(source.path);
  if (schema === undefined) {
    schema = envoySchemaOf(source);
    schemas.set(source.path, schema);
  }
  return await schema;
}

/**
 * Returns the encoder of messages in the form of {@linkcode readTypedConfig}, `@type` beside their fields, into
 * protobuf's bytes. It throws `UsageError` for what has no such type.
 *
 * @throws {UnavailableError} when the types of an Envoy cannot be read
 */
export async function messageEncoder(
  source?: SchemaSource,
): Promise<(message: JsonObject) => Uint8Array> {
  const schema = await schemaOf(source);
  return (message) => schema.encode(message);
}

/** Packs the message types of the Envoy at `path` small, as they are shipped. */
export async function packMessageTypes(path: string): Promise<Uint8Array> {
  const { packed } = await loadSchema();
  return packed(await Deno.readFile(path));
}

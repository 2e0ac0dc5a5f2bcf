/** The gateway's file, `extproc-config.yaml`: what it listens on, which model it asks, where it keeps things. */
import { z } from "zod";
import { type DataFileKind, parseData, readData } from "../data_files/mod.ts";
import { defined, UsageError } from "../service/mod.ts";
import { REASONING_FIELDS } from "./backend/chat.ts";
import type { ModelSettings } from "./engine/model_manners.ts";
import { SYSTEM_MESSAGES } from "./engine/system_messages.ts";
import { BRAVE_ENDPOINT } from "./engine/tools/web_providers.ts";

const port = z.int().min(0).max(65_535);
const url = z.url({ protocol: /^https?$/, error: "Expected an http:// or https:// URL" });

/** A name, with or without a port; a suffix of names; an address or a network; everything. */
const ALLOWED = /^(\*|(\*\.)?[A-Za-z0-9._-]+(:\d{1,5})?|[0-9A-Fa-f:.]+(\/\d{1,3})?)$/;

const DATABASES = ["sqlite", "postgres", "postgres_env"] as const;

function oneAtMost(store: Partial<Record<typeof DATABASES[number], unknown>>): boolean {
  return DATABASES.filter((name) => store[name] !== undefined).length <= 1;
}

/** The model server where none is named: Ollama, on this machine. */
export const DEFAULT_MODEL_ENDPOINT = "http://127.0.0.1:11434/v1";

/** Settings for all models, and for some. */
const maxTokensField = z.enum(["max_tokens", "max_completion_tokens"]);
const systemMessages = z.enum(SYSTEM_MESSAGES);
const reasoningField = z.enum(["auto", "none", ...REASONING_FIELDS]);

const schema = z.strictObject({
  extproc: z.strictObject({
    host: z.string().min(1).default("127.0.0.1").describe("Interface of the processor"),
    port: port.default(10_000).describe("Port of the processor (gRPC); 0 picks a free one"),
  }).prefault({}),
  http: z.strictObject({
    host: z.string().min(1).default("127.0.0.1").describe("Interface of the HTTP server"),
    port: port.default(8081).describe("Port of the HTTP server; 0 picks a free one"),
    allowed_hosts: z.array(
      z.string().regex(/^[A-Za-z0-9._-]+$/, "Expected a host name without port"),
    )
      .default([])
      .describe(
        "Names that it may be asked by, beside loopback and the interface: a Service's, say",
      ),
    websocket: z.boolean().default(true)
      .describe("Whether GET /v1/responses may become a WebSocket"),
    default_tenant: z.string().min(1).default("default")
      .describe("Tenant of requests that carry no x-tenant"),
  }).prefault({}),
  engine: z.strictObject({
    model_endpoint: url.optional().describe(
      `Base URL of a Chat Completions server, its version included; ${DEFAULT_MODEL_ENDPOINT} when left out`,
    ),
    api_key_env: z.string().min(1).optional()
      .describe("Environment variable with the model server's key"),
    first_event_timeout_ms: z.int().min(1).default(120_000)
      .describe("How long the model server may take to its first piece"),
    max_tool_rounds: z.int().min(1).max(100).default(10)
      .describe("Answers of the model that one response may take"),
    forward_headers: z.array(z.string().regex(/^[a-z0-9-]+$/, "Expected a lower-case header name"))
      .default(["x-request-id", "traceparent", "tracestate"])
      .describe("Headers of a request that the model server gets, too"),
    max_tokens_field: maxTokensField.default("max_tokens")
      .describe("What the model server calls the longest answer"),
    system_messages: systemMessages.default("first").describe(
      "first makes system and developer messages one at the beginning; in_place and developer leave them",
    ),
    reasoning_field: reasoningField.default("auto")
      .describe("Field in which a model gets its thoughts back; auto is the one that it used"),
    models: z.array(z.strictObject({
      name: z.string().min(1).describe("Name of a model; * stands for anything"),
      max_tokens_field: maxTokensField.optional(),
      system_messages: systemMessages.optional(),
      reasoning_field: reasoningField.optional(),
    })).default([]).describe("The three keys above by model: the first name that fits counts"),
    seal_key_env: z.string().min(1).optional().describe(
      "Environment variable with the secret of encrypted_content; made once and kept in the store when left out",
    ),
  }).prefault({}),
  store: z.strictObject({
    sqlite: z.string().min(1).optional().describe("File of the store, for one process"),
    postgres: z.url({ protocol: /^postgres(ql)?$/, error: "Expected a postgres:// URL" }).optional()
      .describe("URL of a PostgreSQL database, for several processes"),
    postgres_env: z.string().min(1).optional()
      .describe("Environment variable with that URL, where it holds a password"),
  }).prefault({}).refine(oneAtMost, `Expected only one of ${DATABASES.join(", ")}`),
  files: z.strictObject({
    directory: z.string().min(1).optional().describe("Folder of the uploaded files"),
    s3: z.strictObject({
      bucket: z.string().min(1).describe("Bucket, which must be there"),
      region: z.string().min(1).default("us-east-1").describe("Its region"),
      endpoint: url.optional().describe("Base URL of a server other than Amazon's"),
      prefix: z.string().default("").describe("Put before each object's name"),
    }).optional().describe(
      "Bucket of the uploaded files; the key is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
  }).prefault({}).refine(
    ({ directory, s3 }) => directory === undefined || s3 === undefined,
    "Expected only one of directory, s3",
  ),
  search: z.strictObject({
    embedding_model: z.string().min(1).optional().describe(
      "Model of the model server that embeds; none for hashed words; left out, the first that looks like it",
    ),
    dimensions: z.int().min(16).max(8_192).default(384).describe("Dimensions of hashed words"),
    memory_mib: z.int().min(1).max(3_072).default(1_024)
      .describe("Memory of the search index, in MiB; stores that are not used make room"),
    max_file_mib: z.int().min(1).max(512).default(64)
      .describe("Largest file that is indexed, in MiB"),
    read_timeout_ms: z.int().min(1).default(60_000)
      .describe("How long the reading of one file may take"),
  }).prefault({}),
  connectors: z.strictObject({
    allow: z.array(
      z.string().regex(ALLOWED, {
        error: "Expected a host, host:port, *.suffix, an address, a network (10.0.0.0/8), or *",
      }),
    ).default([]).describe(
      "MCP servers that may be called although they are no addresses of the internet",
    ),
  }).prefault({}),
  web_search: z.strictObject({
    searxng: url.optional()
      .describe("Base URL of a SearXNG server with its JSON format switched on"),
    brave: z.strictObject({
      key_env: z.string().min(1).describe("Environment variable with the key"),
      endpoint: url.default(BRAVE_ENDPOINT).describe("Address of its web search"),
    }).optional().describe("Brave's Web Search API"),
  }).refine(
    ({ searxng, brave }) => (searxng === undefined) !== (brave === undefined),
    "Expected one of searxng, brave",
  ).optional(),
});

/** The gateway's settings, every default filled in. */
export type ResponsesConfig = z.infer<typeof schema>;

/** The settings of an empty file. */
export function defaultConfig(): ResponsesConfig {
  return schema.parse({});
}

/** The file of the Responses gateway. */
export const RESPONSES_FILE: DataFileKind<typeof schema> = {
  what: "configuration",
  name: "extproc-config.yaml",
  docs: "docs/responses.md",
  schema,
  // An empty file has nothing to say; a section without a value neither.
  prepare: (written) => withoutEmpty(written ?? {}),
};

/** How models are spoken to. */
export function modelSettings({ engine }: Pick<ResponsesConfig, "engine">): ModelSettings {
  return {
    systemMessages: engine.system_messages,
    reasoningField: engine.reasoning_field,
    maxTokensField: engine.max_tokens_field,
    byName: engine.models.map(({ name, ...own }) => ({
      name,
      ...defined({
        systemMessages: own.system_messages,
        reasoningField: own.reasoning_field,
        maxTokensField: own.max_tokens_field,
      }),
    })),
  };
}

/**
 * Reads a file's text.
 *
 * @throws {UsageError} with file, line, column and what was expected, one line per finding
 */
export function parseConfig(text: string, file: string): ResponsesConfig {
  return parseData(RESPONSES_FILE, text, file);
}

/** Reads a file. Throws as {@linkcode parseConfig}, and for one that cannot be read. */
export async function readConfig(file: string): Promise<ResponsesConfig> {
  return await readData(RESPONSES_FILE, file);
}

function withoutEmpty(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== null));
}

/**
 * Returns a configuration in which tenants may name these MCP servers, too.
 *
 * @throws {UsageError} for what is no host, address or network
 */
export function allowConnectors(
  config: ResponsesConfig,
  hosts: readonly string[],
): ResponsesConfig {
  const wrong = hosts.find((host) => !ALLOWED.test(host));
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot use --connectors-allow: expected a host, host:port, *.suffix, an address, a network (10.0.0.0/8), or *: current value is "${wrong}"`,
    );
  }
  return { ...config, connectors: { allow: [...config.connectors.allow, ...hosts] } };
}

/** Shared by the journeys of the transform processor: a gateway with steps, and what its mock saw. */
import { type Gateway, type SinglePart, singleUpstream, withAddOns } from "../../gateway/mod.ts";
import { bundledConfig } from "../../envoy/mod.ts";
import { addOnsOf } from "../../gateway/profiles/mod.ts";
import type { UpstreamStep } from "../../upstream/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";
import { startGateway } from "../../gateway/mod.ts";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

/** A gateway that ends with the file of its steps. */
export type TransformedGateway = Gateway<SinglePart>;

/** Starts the base profile with steps; `yaml` is the file's text below `version: 1`. */
export async function startTransformed(
  yaml: string,
  { envoyVersion, env = () => undefined, edit = () => {} }: {
    envoyVersion?: string;
    env?: (name: string) => string | undefined;
    /** Changes the base configuration in place. */
    edit?: (bootstrap: Config) => void;
  } = {},
): Promise<TransformedGateway> {
  await using stack = new AsyncDisposableStack();
  const file = await Deno.makeTempFile({ prefix: "llmgate-transform-", suffix: ".yaml" });
  stack.defer(() => Deno.remove(file));
  await Deno.writeTextFile(file, `version: 1\n${yaml}`);
  const addOns = await addOnsOf({ transform: file }, { env, upstream: undefined });
  const config = bundledConfig("base");
  edit(config.bootstrap);
  const gateway = stack.use(
    await startGateway({
      profile: withAddOns({ ...singleUpstream(), config: () => config }, addOns),
      ports: {},
      envoyPath: await envoyPath(envoyVersion),
      runParents: RUN_PARENTS,
      graceMs: 0,
      concurrency: 1,
    }),
  );
  const owned = stack.move();
  return Object.assign(gateway, { [Symbol.asyncDispose]: () => owned.disposeAsync() });
}

/** How a request is sent. */
export interface Asking {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Steps of the mock's answer. */
  readonly steps?: readonly UpstreamStep[];
}

let scripts = 0;

/** Sends a JSON body with the demo key. */
export async function ask(
  gateway: TransformedGateway,
  body: unknown,
  { path = "/v1/chat/completions", headers = {}, steps }: Asking = {},
): Promise<Response> {
  const script = steps === undefined ? undefined : `script-${++scripts}`;
  if (script !== undefined && steps !== undefined) {
    gateway.part.mock?.scripts.set(script, { steps });
  }
  return await fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-api-key": "demo-key",
      ...(script !== undefined && { "x-mock-script": script }),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Steps of a mock's answer: JSON, whole. */
export function json(value: unknown, status = 200): UpstreamStep[] {
  return [
    { headers: { status, headers: { "content-type": "application/json" } } },
    { write: JSON.stringify(value) },
  ];
}

/** Steps of a mock's answer: a chat stream whose content comes in these pieces. */
export function stream(pieces: readonly string[]): UpstreamStep[] {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const events = [
    chunk({ role: "assistant", content: "" }),
    ...pieces.map((content) => chunk({ content })),
    chunk({}, "stop"),
  ];
  return [
    { headers: { headers: { "content-type": "text/event-stream" } } },
    ...events.map((event): UpstreamStep => ({ event: { data: JSON.stringify(event) } })),
    { event: { data: "[DONE]" } },
  ];
}

/** The contents of a chat stream, joined, and how it ended. */
export function contentOf(sse: string): { content: string; finish: string[]; done: number } {
  const data = sse.split("\n").filter((line) => line.startsWith("data: ")).map((line) =>
    line.slice(6)
  );
  const chunks = data.filter((one) => one !== "[DONE]").map((one) => JSON.parse(one));
  return {
    content: chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join(""),
    finish: chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []),
    done: data.filter((one) => one === "[DONE]").length,
  };
}

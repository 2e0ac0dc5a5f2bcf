/** Mutants of the model router. */
import {
  addBefore,
  cluster,
  type Config,
  hcm,
  type Mutant,
  routeOf,
  settingsOf,
} from "../../../../mutants/mod.ts";
import type { Message, Tampering } from "./relay.ts";
import { FALLBACK } from "./target.ts";

/** A broken router: one planted defect, and the cases that must notice it. */
export interface RouterMutant extends Mutant {
  /** A relay before the router, and its defect; `hosts` are those that the router chooses from. */
  readonly relay?: Tampering | ((hosts: readonly string[]) => Tampering);
  /** Longest body that it takes, in bytes, where that is another than it says. */
  readonly maxBodyBytes?: number;
}

const CHAT = "gpt-3.5-turbo";
const COMPLETION = "text-davinci-003";
const EXTENSION = "type.googleapis.com/envoy.extensions";
const ENDPOINT = "x-gateway-destination-endpoint";

const OUTSTANDING = ["answer", "stream", "cancel", "broken", "refused"]
  .map((ending) => `router.outstanding-${ending}`);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Client headers of this name are no longer removed at the edge. */
function keepHeader(config: Config, name: string): void {
  const [early] = hcm(config).early_header_mutation_extensions;
  const { typed_config: typed } = early;
  typed.mutations = typed.mutations.filter((one: Config) => one.remove !== name);
}

/** Changes the body that the router reads; the one that goes to the backend stays. */
function seesBody(edit: (text: string) => string) {
  return (message: Message) => {
    const body = message.request_body;
    if (body?.body) body.body = encoder.encode(edit(decoder.decode(body.body)));
  };
}

/** The same, for bodies that are JSON objects. */
function seesJson(edit: (body: Record<string, unknown>) => void) {
  return seesBody((text) => {
    try {
      const body = JSON.parse(text);
      edit(body);
      return JSON.stringify(body);
    } catch {
      return text;
    }
  });
}

function seesHeaders(edit: (headers: Config[]) => Config[]) {
  return (message: Message) => {
    const map = message.request_headers?.headers;
    if (map) map.headers = edit(map.headers);
  };
}

/** Changes the router's word on requests for the model that has fallbacks. */
function fallsBack(edit: (message: Message, lb: Config) => void) {
  return (message: Message, about: Message) => {
    const lb = message.dynamic_metadata?.["envoy.lb"];
    const asked = decoder.decode(about.request_body?.body ?? new Uint8Array());
    if (lb && asked.includes(`"${FALLBACK.model}"`)) edit(message, lb);
  };
}

/** The one route of `envoy/configs/router.yaml` to model servers. */
const ROUTE = "models";

const MUTANTS: readonly RouterMutant[] = [
  {
    id: "router-takes-all-for-chat",
    defect: "the model for completions is taken for the one for chats",
    kills: ["router.model-from-body"],
    relay: {
      request: seesJson((body) => {
        if (body["model"] === COMPLETION) body["model"] = CHAT;
      }),
    },
  },
  {
    id: "router-ignores-hosts-models",
    defect: "a request may go to a host that does not serve its model",
    kills: ["router.host-serves-model"],
    relay: (hosts) => {
      let turn = 0;
      return {
        response(message) {
          const chosen = message.dynamic_metadata?.["envoy.lb"];
          if (chosen) chosen[ENDPOINT] = hosts[turn++ % hosts.length];
        },
      };
    },
  },
  {
    id: "router-guesses-model",
    defect: "an unknown model is taken for a known one",
    kills: ["router.unknown-model"],
    relay: {
      request: seesJson((body) => {
        if (String(body["model"]).startsWith("nobody")) body["model"] = CHAT;
      }),
    },
  },
  {
    id: "router-has-default-model",
    defect: "a request without a model gets one",
    kills: ["router.missing-model"],
    relay: {
      request: seesJson((body) => {
        if (typeof body["model"] !== "string" || body["model"] === "") body["model"] = CHAT;
      }),
    },
  },
  {
    id: "router-reads-no-json",
    defect: "the model is looked for in the text, whether that is JSON or not",
    kills: ["router.bad-json"],
    relay: {
      request: seesBody((text) => {
        const [, model] = /"(gpt[^"]*|text[^"]*|m)"/.exec(text) ?? [];
        return model === undefined ? text : JSON.stringify({ model });
      }),
    },
  },
  {
    id: "router-ignores-path",
    defect: "a model is served on every path",
    kills: ["router.path-prefix"],
    relay: {
      request: seesHeaders((headers) =>
        headers.map((field) =>
          field.key === ":path"
            ? { key: ":path", raw_value: encoder.encode("/v1/chat/completions") }
            : field
        )
      ),
    },
  },
  {
    id: "router-takes-any-length",
    defect: "a body of any length is taken",
    kills: ["router.body-limit"],
    maxBodyBytes: 33_554_432,
  },
  {
    id: "router-reserializes",
    defect: "the body is parsed and written again",
    kills: ["router.body-identical"],
    relay: {
      response(message, about) {
        if (!message.request_body || !about.request_body?.body) return;
        const text = JSON.stringify(JSON.parse(decoder.decode(about.request_body.body)));
        message.request_body.response = { body_mutation: { body: encoder.encode(text) } };
      },
    },
  },
  {
    id: "router-rewrites-everything",
    defect: "a body whose model is renamed is written anew",
    kills: ["router.rewrite-only-model"],
    relay: {
      response(message) {
        const mutation = message.request_body?.response?.body_mutation;
        if (!mutation?.body) return;
        const text = JSON.stringify(JSON.parse(decoder.decode(mutation.body)));
        mutation.body = encoder.encode(text);
        delete message.request_body.response.header_mutation;
      },
    },
  },
  {
    id: "router-forgets-to-rewrite",
    defect: "the backend is asked for the client's name of the model",
    kills: ["router.rewrite-only-model"],
    relay: {
      response(message) {
        if (message.request_body) delete message.request_body.response;
      },
    },
  },
  {
    id: "router-reads-no-forms",
    defect: "a form is read as JSON",
    kills: ["router.form-model"],
    relay: {
      request: seesHeaders((headers) => headers.filter(({ key }) => key !== "content-type")),
    },
  },
  {
    id: "router-gives-up-at-once",
    defect: "where a host takes no connection, no other is tried",
    kills: ["router.next-host"],
    edit: (config) => delete routeOf(config, ROUTE).route.retry_policy,
  },
  {
    id: "router-without-fallbacks",
    defect: "a model is asked for at its host, though that is gone",
    kills: ["router.fallback-model"],
    relay: (hosts) => ({
      response: fallsBack((message, lb) => {
        lb[ENDPOINT] = hosts[0];
        delete message.request_body.response;
      }),
    }),
  },
  {
    id: "router-last-fallback-first",
    defect: "of a model's fallbacks, the last one is taken",
    kills: ["router.fallback-model"],
    relay: (hosts) => ({ response: fallsBack((_, lb) => lb[ENDPOINT] = hosts.at(-1)) }),
  },
  {
    id: "router-fallback-unnamed",
    defect: "a fallback is asked for the model that is gone",
    kills: ["router.fallback-model"],
    relay: {
      response: fallsBack((message) => delete message.request_body.response),
    },
  },
  {
    id: "router-forgets-sessions",
    defect: "a session does not stick to its host",
    kills: ["router.session-sticky"],
    relay: {
      request: seesHeaders((headers) => headers.filter(({ key }) => key !== "x-session-id")),
    },
  },
  {
    id: "router-one-host-for-all",
    defect: "every session sticks to one and the same host",
    kills: ["router.session-sticky"],
    relay: {
      request: seesHeaders((headers) =>
        headers.map((field) =>
          field.key === "x-session-id"
            ? { key: field.key, raw_value: encoder.encode("one") }
            : field
        )
      ),
    },
  },
  {
    id: "router-never-counts-down",
    defect: "a request stays outstanding for ever",
    kills: OUTSTANDING,
    relay: { endsNever: true },
  },
  {
    id: "router-counts-no-answer",
    defect: "a request is no longer outstanding once its host is chosen",
    kills: OUTSTANDING,
    relay: { endsEarly: true },
  },
  {
    id: "router-fails-open",
    defect: "without a router, requests go to any host",
    kills: ["router.fail-closed"],
    edit(config) {
      settingsOf(config, "ext_proc").failure_mode_allow = true;
      const policyOf = ({ policies }: Config) => policies[0].typed_extension_config.typed_config;
      const chosen = policyOf(cluster(config, "backends").load_balancing_policy);
      policyOf(chosen.fallback_policy).fallback_policy = "ANY_ENDPOINT";
    },
  },
  {
    id: "router-holds-answers",
    defect: "the router is shown the whole answer, which is held until then",
    kills: ["sse.lockstep", "sse.first-byte"],
    edit(config) {
      const mode = settingsOf(config, "ext_proc").processing_mode;
      mode.response_header_mode = "SEND";
      mode.response_body_mode = "BUFFERED";
    },
  },
  {
    id: "router-client-picks-host",
    defect: "a client's destination header beats the router's choice",
    kills: ["router.no-ssrf"],
    edit(config) {
      keepHeader(config, ENDPOINT);
      addBefore(config, "router", {
        name: "envoy.filters.http.header_to_metadata",
        typed_config: {
          "@type": `${EXTENSION}.filters.http.header_to_metadata.v3.Config`,
          request_rules: [{
            header: ENDPOINT,
            on_header_present: { metadata_namespace: "envoy.lb", key: ENDPOINT, type: "STRING" },
          }],
        },
      });
    },
  },
  {
    id: "router-keeps-destination",
    defect: "a client's destination header passes to the backend",
    kills: ["router.destination-stripped"],
    edit: (config) => keepHeader(config, ENDPOINT),
  },
  {
    id: "router-before-policy",
    defect: "the router is asked before policy",
    kills: ["router.denied-unread"],
    edit(config) {
      const filters = hcm(config).http_filters;
      const at = filters.findIndex(({ name }: Config) => name.endsWith("ext_authz"));
      filters.splice(-1, 0, ...filters.splice(at, 1));
    },
  },
  {
    id: "router-repeats-requests",
    defect: "a request that a host dropped, or failed, is sent once more",
    kills: ["router.post-not-replayed", "router.error-verbatim"],
    edit: (config) =>
      routeOf(config, ROUTE).route.retry_policy = { retry_on: "reset,5xx", num_retries: 1 },
  },
  {
    id: "router-batches-late",
    defect: "from the fourth on, events are passed two at a time",
    kills: ["router.stream-lockstep", "sse.lockstep"],
    defects: { batchesLate: true },
  },
  {
    id: "router-replays-streams",
    defect: "a broken stream is begun again",
    kills: ["router.stream-not-replayed"],
    defects: { retriesMidStream: true },
  },
];

/** Router gateways that are broken on purpose. */
export const ROUTER_MUTANTS: readonly RouterMutant[] = MUTANTS.map((mutant) =>
  mutant.relay === undefined ? mutant : { ...mutant, means: "relay" }
);

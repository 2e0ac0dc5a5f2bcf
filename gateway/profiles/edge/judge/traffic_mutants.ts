/** Gateways of the profile `edge` whose traffic to several upstreams is broken on purpose, one defect each. */
import type { Config } from "../../../../mutants/mod.ts";
import type { EdgeMutant } from "./mutants.ts";

/** The routes that go to upstreams, on every listener. */
function routes({ static_resources: { listeners } }: Config): Config[] {
  return listeners.flatMap(({ filter_chains: [{ filters: [{ typed_config }] }] }: Config) =>
    typed_config.route_config.virtual_hosts.flatMap((host: Config) =>
      host.routes.filter(({ route }: Config) => route !== undefined)
    )
  );
}

function retries(config: Config): Config[] {
  return routes(config).flatMap(({ route: { retry_policy } }) => retry_policy ?? []);
}

function clusters({ static_resources }: Config): Config[] {
  return static_resources.clusters.filter(({ name }: Config) =>
    /^(upstream|canary|mirror|variant_.*)$/.test(name)
  );
}

function endpoints(config: Config): Config[] {
  return clusters(config).flatMap(({ load_assignment }) =>
    load_assignment.endpoints.flatMap((one: Config) => one.lb_endpoints)
  );
}

/** The filters that make a request the upstream's own; none where a copy has but one upstream. */
function identity(cluster: Config): Config[] {
  const [options] = Object.values<Config>(cluster.typed_extension_protocol_options);
  return options.http_filters ?? [];
}

function keepCredentials(config: Config): void {
  for (const { typed_config: { mutations } } of clusters(config).flatMap(identity)) {
    if (mutations === undefined) continue;
    mutations.request_mutations = mutations.request_mutations.filter((one: Config) =>
      one.remove === undefined || one.remove === "x-llm-upstream"
    );
  }
}

export const TRAFFIC_MUTANTS: readonly EdgeMutant[] = [
  {
    id: "fallback-never",
    defect: "the first upstream's failure is the answer",
    kills: [
      ...["fall.5xx-to-second", "fall.429-to-second", "fall.refused-to-second"],
      ...["fall.reset-to-second", "fall.stream-of-second"],
    ],
    edit: (config) => routes(config).forEach(({ route }) => delete route.retry_policy),
  },
  {
    id: "fallback-to-the-same",
    defect: "the upstream that failed is asked again",
    kills: ["fall.5xx-to-second", "fall.last-answer-stands"],
    edit: (config) => retries(config).forEach((policy) => delete policy.retry_priority),
  },
  {
    id: "fallback-of-client-errors",
    defect: "what the client did wrong is asked of everybody",
    kills: ["fall.client-error-stays"],
    edit(config) {
      for (const { retriable_headers } of retries(config)) {
        retriable_headers?.push({ name: ":status", string_match: { prefix: "4" } });
      }
    },
  },
  {
    id: "fallback-one-at-a-time",
    defect: "Envoy's breaker lets no request be tried again",
    kills: ["fall.attempts-told", "fall.key-of-second"],
    edit(config) {
      for (const { circuit_breakers: { thresholds: [all] } } of clusters(config)) {
        all.max_retries = 0;
      }
    },
  },
  {
    id: "fallback-all-alike",
    defect: "the upstreams have no order",
    kills: ["fall.order"],
    edit(config) {
      for (const { load_assignment } of clusters(config)) {
        for (const one of load_assignment.endpoints) delete one.priority;
      }
    },
  },
  {
    id: "fallback-twice",
    defect: "every request is sent to an upstream twice",
    kills: ["fall.not-after-first-byte", "fall.order"],
    edit(config) {
      for (const { route } of routes(config)) {
        if (route.cluster === "upstream") route.request_mirror_policies = [{ cluster: "upstream" }];
      }
    },
  },
  {
    id: "fallback-with-the-first-key",
    defect: "every upstream gets the key and path of the first",
    kills: ["fall.key-of-second", "fall.path-of-second"],
    edit(config) {
      for (const { metadata } of endpoints(config)) {
        if (metadata.filter_metadata.llmgate) metadata.filter_metadata.llmgate.upstream = "0";
      }
    },
  },
  {
    id: "fallback-with-the-clients-key",
    defect: "the client's credential goes to the upstreams",
    kills: ["fall.key-of-second"],
    edit: keepCredentials,
  },
  {
    id: "fallback-under-the-clients-host",
    defect: "upstreams are asked under the gateway's name",
    kills: ["fall.host-of-second"],
    edit: (config) => routes(config).forEach(({ route }) => delete route.auto_host_rewrite),
  },
  {
    id: "fallback-of-small-requests",
    defect: "a body of some size is not kept for the next upstream",
    kills: ["fall.same-body"],
    edit: (config) => routes(config).forEach((one) => one.request_body_buffer_limit = 65_536),
  },
  {
    id: "fallback-in-silence",
    defect: "nobody says how often an upstream was asked",
    kills: ["fall.attempts-told", "fall.last-answer-stands"],
    edit: (config) => routes(config).forEach((one) => delete one.response_headers_to_add),
  },
  {
    id: "fallback-to-plain-text",
    defect: "when nobody answers, the error is Envoy's own text",
    kills: ["fall.all-down-503"],
    edit({ static_resources: { listeners } }) {
      for (const { filter_chains: [{ filters: [{ typed_config }] }] } of listeners) {
        const { local_reply_config: replies } = typed_config;
        replies.mappers = replies.mappers.filter((one: Config) =>
          !one.filter.response_flag_filter?.flags.includes("UF")
        );
      }
    },
  },
  {
    id: "fallback-after-some-time",
    defect: "the time that an upstream has is one for its whole answer",
    kills: ["fall.timeout-cuts-no-stream"],
    edit(config) {
      for (const { route } of routes(config)) {
        if (route.retry_policy?.per_try_timeout !== undefined) route.timeout = "1.5s";
      }
    },
  },
  {
    id: "mirror-with-credentials",
    defect: "the copy carries the client's credential",
    kills: ["shadow.credential-not-sent"],
    edit(config) {
      keepCredentials(config);
      for (const { route } of routes(config)) {
        for (const mirror of route.request_mirror_policies ?? []) {
          delete mirror.request_headers_mutations;
        }
      }
    },
  },
  {
    id: "mirror-in-the-way",
    defect: "the mirror answers the client",
    kills: ["shadow.client-unchanged", "shadow.down-harmless", "shadow.slow-harmless"],
    edit(config) {
      for (const { route } of routes(config)) {
        if (route.request_mirror_policies !== undefined) route.cluster = "mirror";
      }
    },
  },
];

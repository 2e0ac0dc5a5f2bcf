/** A copy of the profile whose configuration is changed while streams run. */
import type { ReloadFeature, Target } from "../../../../conformance/mod.ts";
import type { EnvoyConfigFile } from "../../../../envoy/mod.ts";
import { messageOf, silent } from "../../../../service/mod.ts";
import { startBackendPool } from "../../../mod.ts";
import { type EdgeTargetOptions, startEdgeTarget } from "./target.ts";

// deno-lint-ignore no-explicit-any -- the profile's configuration, edited at known places
type Config = any;

/** Entries of the journal of each of the two upstreams. */
const JOURNAL_LIMIT = 2_000;
/** Cluster that the case's routes lead to, with an endpoint of its own: the overlay sets the other one's. */
const OWN = "case";

/** Starts the copy, with two upstreams behind one cluster: the cases move requests from one to the other. */
export async function startReloadTarget(
  options: EdgeTargetOptions,
): Promise<Target & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const pool = stack.use(
    await startBackendPool({
      host: "127.0.0.1",
      ports: [0, 0],
      journalLimit: JOURNAL_LIMIT,
      log: silent,
    }),
  );
  const [first, second] = pool.backends;
  const target = stack.use(
    await startEdgeTarget({
      concurrency: 1,
      ...options,
      live: true,
      features: ["reload"],
      edit(bootstrap, tls) {
        ownCluster(bootstrap, first?.port ?? 0);
        options.edit?.(bootstrap, tls);
      },
    }),
  );
  const { gateway } = target;
  let { bootstrap } = target.launchedFrom;
  const change = async (edit: (bootstrap: Config) => void) => {
    const next = structuredClone(bootstrap);
    edit(next);
    if (options.changes === "never") return "applied";
    if (options.changes === "by stopping") {
      await gateway.envoy.stop({ graceMs: 0 });
      return "applied";
    }
    const file: EnvoyConfigFile = { ...target.launchedFrom, bootstrap: next };
    const done = await gateway.envoy.change?.(file);
    if (done?.outcome === "applied") bootstrap = next;
    return done?.outcome ?? "unchanged";
  };
  const reload: ReloadFeature = {
    routes: (value) =>
      change((next) =>
        routesOf(next).forEach((route) => route.response_headers_to_add = [caseHeader(value)])
      ),
    clusters: (state) =>
      change((next) => {
        const { clusters } = next.static_resources;
        const rest = clusters.filter(({ name }: Config) => name !== "unused");
        const [own] = clusters.filter(({ name }: Config) => name === OWN);
        const unused = structuredClone(own);
        unused.name = unused.load_assignment.cluster_name = "unused";
        if (state === "changed") unused.connect_timeout = "3s";
        next.static_resources.clusters = state === "removed" ? rest : [...rest, unused];
      }),
    endpoints: (name) =>
      change((next) => {
        const own = next.static_resources.clusters.find((one: Config) => one.name === OWN);
        setPort(own, (name === "first" ? first : second)?.port ?? 0);
      }),
    moved: (nonce) =>
      second?.journal.entries().filter((entry) => entry.nonce === nonce).length ?? 0,
    filters: (path) =>
      change((next) => {
        for (const filter of managersOf(next).flatMap(({ http_filters }) => http_filters)) {
          if (filter.name !== "envoy.filters.http.rbac") continue;
          filter.typed_config.rules.policies.closed = {
            permissions: [{ url_path: { path: { exact: path } } }],
            principals: [{ any: true }],
          };
        }
      }),
    async broken() {
      try {
        return await change((next) =>
          routesOf(next).forEach(({ route }) => route.timeout = "soon")
        );
      } catch (error) {
        return options.changes === "hushed up" ? "" : messageOf(error);
      }
    },
    listener: () =>
      change((next) =>
        managersOf(next).forEach((manager) =>
          manager.common_http_protocol_options.max_headers_count = 90
        )
      ),
  };
  const owned = stack.move();
  return {
    ...target,
    control: "both",
    upstream: pool,
    reload,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function managersOf({ static_resources: { listeners } }: Config): Config[] {
  return listeners.map(({ filter_chains: [{ filters: [{ typed_config }] }] }: Config) =>
    typed_config
  );
}

/** The route of every request, on each listener. */
function routesOf(bootstrap: Config): Config[] {
  return managersOf(bootstrap).flatMap(({ route_config: { virtual_hosts } }) =>
    virtual_hosts.flatMap((host: Config) =>
      host.routes.filter(({ route }: Config) => route !== undefined)
    )
  );
}

function caseHeader(value: string): Config {
  return {
    header: { key: "x-case-route", value },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
  };
}

function setPort(cluster: Config, port: number): void {
  const [{ lb_endpoints: [{ endpoint }] }] = cluster.load_assignment.endpoints;
  endpoint.address.socket_address.port_value = port;
  endpoint.hostname = `127.0.0.1:${port}`;
}

function ownCluster(bootstrap: Config, port: number): void {
  const { clusters } = bootstrap.static_resources;
  const own = structuredClone(clusters.find(({ name }: Config) => name === "upstream"));
  own.name = own.load_assignment.cluster_name = OWN;
  setPort(own, port);
  clusters.push(own);
  for (const { route } of routesOf(bootstrap)) route.cluster = OWN;
}

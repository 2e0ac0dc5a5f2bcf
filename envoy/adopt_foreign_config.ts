/** Makes somebody else's configuration launchable between our policy and our upstream. */
import { UsageError } from "../service/mod.ts";
import { adoptCluster, clusterOfEngine, type Held } from "./adopt_cluster.ts";
import { leaveWhatIsElsewhere, logsAsFiles, mustBeHere } from "./adopt_files.ts";
import {
  adoptListener,
  nameListeners,
  pickIngress,
  withoutDiscovery,
  withoutLimits,
  withoutRedirectToTls,
} from "./adopt_listener.ts";
import { type ForeignPart, foreignParts } from "./adopt_parts.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { filterOnRoute } from "./filter_on_route.ts";
import { type Ingress, type LintModel, lintModel } from "./model.ts";
import { isAskedLater, waysOn } from "./relays.ts";
import { showsHeader } from "./shown_headers.ts";
import { isObject, type JsonObject, valueAt } from "./tree.ts";

/** Somebody else's configuration, ready to be launched between our policy and our upstream. */
export interface AdoptedConfig {
  /** The configuration with its adjustments; name, text and hash are the file's. */
  readonly file: EnvoyConfigFile;
  /** The listener that is judged. */
  readonly listener: string;
  /** The cluster that ext_authz asks over gRPC; absent when there is none. */
  readonly policyCluster: string | undefined;
  /** The cluster that requests are forwarded to; others that are routed to follow it. */
  readonly upstreamCluster: string;
  /** Is policy shown this header, whatever the route? */
  readonly showsPolicy: (header: string) => boolean;
  /** Do several filters ask policy about one request? Ours stands in for each of their engines. */
  readonly asksAgain: boolean;
  /** Services that its filters ask beside. */
  readonly parts: readonly ForeignPart[];
  /** Changes beside addresses, one sentence each, for the report. */
  readonly adjustments: readonly string[];
}

/**
 * Finds out which listener, policy cluster and upstream clusters a configuration has, and takes away what would keep it
 * from running beside us: addresses of its own, whatever their form, TLS towards the parts that we stand in for, and
 * what a control plane would bring. Everything else stays, faults included.
 *
 * @throws {UsageError} when it has no listener for HTTP, no route that forwards, or lacks a cluster that it names
 */
export function adoptEnvoyConfig(
  file: EnvoyConfigFile,
  options: {
    readonly listener?: string;
    /** Are limits judged? They are raised otherwise. */
    readonly keepLimits?: boolean;
    /** Is a file on this machine? */
    readonly isHere?: (path: string) => boolean;
  } = {},
): AdoptedConfig {
  const { isHere = isReadable } = options;
  const bootstrap = structuredClone(file.bootstrap);
  const adjustments: string[] = [];
  nameListeners(bootstrap, adjustments);
  const model = lintModel(bootstrap, { trustedNames: [], modelRoutes: undefined });
  const picked = pickIngress(model.ingresses, file, options.listener);
  const ingress = options.listener === undefined ? behind(picked, model, adjustments) : picked;
  adoptListener(bootstrap, ingress, { adjustments, isHere });
  leaveControlPlane(bootstrap, adjustments);
  withoutDiscovery(ingress, adjustments);
  withoutRedirectToTls(ingress, adjustments);
  logsAsFiles([ingress]);
  if (!options.keepLimits) withoutLimits(ingress, { adjustments, bootstrap });
  const held: Held = { bootstrap, clusters: new Map(model.clusters), file, adjustments };
  const parts = foreignParts([...ingress.filters, ...model.upstreamFilters]);
  const isAskedOverHttp = parts.some(({ kind }) => kind === "http_authz");
  const shown = ingress.filters.filter(({ type }) => type === "ExtAuthz")
    .map(({ config }) => config);
  const engines = enginesOf(ingress, held, { isAskedOverHttp });
  const [policyCluster] = engines;
  for (const { kind, cluster } of parts) {
    if (kind === "http_authz") adoptCluster(cluster, held, { role: "upstream" });
  }
  const routed = [...new Set(ingress.routes.flatMap(({ clusters }) => clusters))]
    .filter((name) => !engines.includes(name) && !parts.some(({ cluster }) => cluster === name));
  const [upstreamCluster] = routed;
  if (upstreamCluster === undefined) throw nowhere(file, ingress);
  chooseCluster(ingress, upstreamCluster, adjustments);
  for (const [index, name] of engines.entries()) {
    adoptCluster(
      name,
      held,
      index === 0 ? { role: "policy" } : { role: "policy", follows: policyCluster as string },
    );
  }
  for (const name of routed) {
    adoptCluster(
      name,
      held,
      name === upstreamCluster
        ? { role: "upstream" }
        : { role: "upstream", follows: upstreamCluster },
    );
  }
  leaveWhatIsElsewhere(bootstrap, {
    ours: [
      ...engines,
      ...routed,
      ...parts.flatMap(({ kind, cluster }) => kind === "http_authz" ? [cluster] : []),
    ],
    adjustments,
    isHere,
  });
  mustBeHere(bootstrap, { name: file.name, isHere });
  return {
    file: { ...file, bootstrap },
    listener: ingress.listener,
    policyCluster,
    upstreamCluster,
    asksAgain:
      ingress.filters.filter(({ type, disabled, conditional }) =>
        type === "ExtAuthz" && !disabled && !conditional
      ).length > 1,
    showsPolicy: (header) => shown.every((config) => showsHeader(config, header)),
    parts,
    adjustments,
  };
}

/** The way in that asks policy, where the first one only leads there. */
function behind(picked: Ingress, model: LintModel, adjustments: string[]): Ingress {
  const forwards = picked.routes.filter((route) => route.forwards);
  if (forwards.length === 0 || !forwards.every((route) => isAskedLater(route, model))) {
    return picked;
  }
  const [way = picked] = waysOn(forwards[0] as typeof forwards[number], model);
  adjustments.push(
    `The listener "${picked.listener}" leads to "${way.listener}", which asks policy and is judged`,
  );
  return way;
}

/** Files that cannot be looked at, such as devices, are left to Envoy. */
function isReadable(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function nowhere(file: EnvoyConfigFile, ingress: Ingress): UsageError {
  const ways = ingress.routes.filter(({ forwards }) => forwards)
    .map(({ match, target }) => `route ${match} goes to ${target}`);
  const why = ingress.routesMissing
    ? " (its routes come by a control plane)"
    : ways.length > 0
    ? `: ${ways.join("; ")}`
    : "";
  return new UsageError(
    `Cannot judge "${file.name}": the listener "${ingress.listener}" forwards to no cluster that stands in the file${why}`,
  );
}

/** Listeners of a control plane would open ports, and its clusters replace ours. */
function leaveControlPlane(bootstrap: JsonObject, adjustments: string[]): void {
  if (bootstrap.dynamic_resources === undefined) return;
  delete bootstrap.dynamic_resources;
  adjustments.push("The dynamic_resources are left away: what stands in the file is judged");
}

/** Every cluster that ext_authz asks over gRPC, on whatever route, the first first. */
function enginesOf(
  ingress: Ingress,
  held: Held,
  { isAskedOverHttp }: { isAskedOverHttp: boolean },
): string[] {
  const filters = ingress.filters.filter(({ type }) => type === "ExtAuthz");
  const configs = [
    ...filters.map(({ config }) => config),
    // Settings per route replace services whole: objects are the bootstrap's own.
    ...filters.flatMap((filter) =>
      ingress.routes.map((route) => filterOnRoute(filter, route).config)
    ),
  ];
  const services = new Set(configs.map(({ grpc_service: service }) => service).filter(isObject));
  const engines = [...services].flatMap((service) => clusterOfEngine(service, held) ?? []);
  if (engines.length === 0 && !isAskedOverHttp) {
    held.adjustments.push(
      filters.length === 0
        ? "There is no ext_authz filter: nobody asks our policy"
        : "ext_authz does not ask over gRPC: our policy cannot stand in",
    );
  }
  return [...new Set(engines)];
}

/** A cluster that is named by a header or a plugin is one that no case knows: such routes go to our upstream. */
function chooseCluster(
  ingress: LintModel["ingresses"][number],
  upstream: string,
  adjustments: string[],
): void {
  for (const { value, match, forwards } of ingress.routes) {
    const { route } = value;
    if (!forwards || !isObject(route)) continue;
    const weighted = valueAt(route, "weighted_clusters/clusters");
    for (const one of [route, ...(Array.isArray(weighted) ? weighted.filter(isObject) : [])]) {
      const chosen = [
        "cluster_header",
        "cluster_specifier_plugin",
        "inline_cluster_specifier_plugin",
      ]
        .filter((key) => one[key] !== undefined);
      if (chosen.length === 0) continue;
      for (const key of chosen) delete one[key];
      one[one === route ? "cluster" : "name"] = upstream;
      adjustments.push(
        `Route ${match} chooses its cluster by ${chosen[0]}: it goes to "${upstream}"`,
      );
    }
  }
}

/** Files, secrets and control planes that somebody else's configuration needs, and this machine does not have. */
import { dirname } from "node:path";
import { UsageError } from "../service/mod.ts";
import { absentIn, fileLogsIn, filesIn } from "./adopt_listener.ts";
import { messagesWithin, type Placed, typeName } from "./placed.ts";
import { isObject, type Json, type JsonObject, objectsAt, valueAt } from "./tree.ts";

/** Places of access logs that are not the connection manager's own, which the launch sets. */
const NOWHERE = "/dev/null";

/** Loggers that write to streams of the process, and the file that is the same. */
const STREAMS: Readonly<Record<string, string>> = {
  StdoutAccessLog: "/dev/stdout",
  StderrAccessLog: "/dev/stderr",
};
const FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";

/** Writes the access logs of streams as logs of files, which the launch can point elsewhere and read. */
export function logsAsFiles(managers: readonly Placed[]): void {
  for (const manager of managers) {
    for (const { value } of messagesWithin(manager, Object.keys(STREAMS))) {
      value.path = STREAMS[typeName(value)] ?? NOWHERE;
      value["@type"] = FILE_LOG;
    }
  }
}

/** Removes parts that are not asked about, and would keep Envoy from starting here. */
export function leaveWhatIsElsewhere(
  bootstrap: JsonObject,
  { ours, adjustments, isHere }: {
    /** Clusters that lead to our parts. */
    readonly ours: readonly string[];
    readonly adjustments: string[];
    readonly isHere: (path: string) => boolean;
  },
): void {
  for (const cluster of objectsAt(bootstrap, "static_resources/clusters/*")) {
    if (ours.includes(String(cluster.name))) continue;
    const why = absentIn(cluster, bootstrap, isHere) ?? discovered(cluster, isHere);
    if (why === undefined) continue;
    nowhere(cluster);
    adjustments.push(`The cluster "${cluster.name}" leads nowhere: ${why}`);
  }
  leaveSecrets(bootstrap, { adjustments, isHere });
  leaveLogs(bootstrap, { adjustments, isHere });
}

/** Endpoints that a control plane would have to name. */
function discovered(cluster: JsonObject, isHere: (path: string) => boolean): string | undefined {
  if (cluster.type !== "EDS") return undefined;
  const file = valueAt(cluster, "eds_cluster_config/eds_config/path_config_source/path");
  if (typeof file === "string" && isHere(file)) return undefined;
  return "its endpoints come by EDS";
}

function nowhere(cluster: JsonObject): void {
  for (const field of ["transport_socket", "transport_socket_matches", "eds_cluster_config"]) {
    delete cluster[field];
  }
  for (const field of ["health_checks", "lb_subset_config", "load_assignment"]) {
    delete cluster[field];
  }
  if (cluster.type === "EDS") cluster.type = "STATIC";
}

/** Envoy reads every secret of its file when it starts. */
function leaveSecrets(
  bootstrap: JsonObject,
  { adjustments, isHere }: { adjustments: string[]; isHere: (path: string) => boolean },
): void {
  const secrets = valueAt(bootstrap, "static_resources/secrets");
  if (!Array.isArray(secrets)) return;
  (bootstrap.static_resources as JsonObject).secrets = secrets.filter((secret) => {
    const missing = filesIn(secret).find((path) => !isHere(path));
    if (missing === undefined || !isObject(secret)) return true;
    adjustments.push(
      `The secret "${secret.name}" is left away: ${missing} is not on this machine`,
    );
    return false;
  });
}

/** Logs whose folder is not here write nowhere; a format out of a file that is not here is Envoy's default. */
function leaveLogs(
  bootstrap: JsonObject,
  { adjustments, isHere }: { adjustments: string[]; isHere: (path: string) => boolean },
): void {
  for (const { value } of fileLogsIn({ path: "", value: bootstrap })) {
    const format = valueAt(value, "log_format/text_format_source/filename");
    if (typeof format === "string" && !isHere(format)) {
      delete value.log_format;
      adjustments.push(
        `An access log has Envoy's default format: ${format} is not on this machine`,
      );
    }
    const { path } = value;
    if (typeof path !== "string" || path === "" || isHere(dirname(path))) continue;
    value.path = NOWHERE;
    adjustments.push(`An access log writes nowhere: there is no folder ${dirname(path)}`);
  }
  const admin = bootstrap.admin;
  const path = isObject(admin) ? admin.access_log_path : undefined;
  if (isObject(admin) && typeof path === "string" && !isHere(dirname(path))) {
    admin.access_log_path = NOWHERE;
    adjustments.push(`The admin's log writes nowhere: there is no folder ${dirname(path)}`);
  }
}

/**
 * Makes sure that what is left can start here.
 *
 * @throws {UsageError} with the file that is not on this machine, and where it is named
 */
export function mustBeHere(
  bootstrap: JsonObject,
  { name, isHere }: { readonly name: string; readonly isHere: (path: string) => boolean },
): void {
  const missing = placesOfFiles(bootstrap).find(({ file }) => !isHere(file));
  if (missing === undefined) return;
  throw new UsageError(
    `Cannot judge "${name}": Envoy would read "${missing.file}" (${missing.path}), which is not on this machine: ` +
      "put it there, or take what needs it out of the file",
  );
}

function placesOfFiles(value: Json, path = ""): { path: string; file: string }[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path === "" ? key : `${path}/${key}`;
    return key === "filename" && typeof inner === "string" && inner !== ""
      ? [{ path: at, file: inner }]
      : placesOfFiles(inner, at);
  });
}

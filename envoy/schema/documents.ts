/** Envoy configurations in a text, whatever they are wrapped in: several documents, manifests, dumps, resources. */
import { Buffer } from "node:buffer";
import { messageOf, UsageError } from "../../service/mod.ts";
import { JsonError, parseJsonSource } from "./json_source.ts";
import { type Place, PLACEHOLDER } from "./problem.ts";
import {
  entryOf,
  Lines,
  type Position,
  type SourceMap,
  type SourceNode,
  textOf,
} from "./source.ts";
import type { YamlDocument } from "./yaml_source.ts";

/** Kinds of documents: a bootstrap, an answer of `/config_dump`, or resources as xDS serves them. */
export type DocumentKind = "bootstrap" | "dump" | "resources";

/** One Envoy configuration. */
export interface SourceDocument {
  readonly kind: DocumentKind;
  /** The bootstrap; or what stands for the list of dumps or resources. */
  readonly node: SourceNode;
  /** Place of the node within the whole text. */
  readonly place: Place;
  /** Where it was found, when that is not the whole text: `data/envoy.yaml`. */
  readonly part: string;
  readonly position: (at: number) => Position;
  /** Faults for its parser that a template explains. */
  readonly broken: readonly { readonly at: number; readonly found: string }[];
}

/** Every Envoy configuration of a text, and what was left aside. */
export interface Documents {
  readonly documents: readonly SourceDocument[];
  readonly notes: readonly string[];
}

/** A parser of YAML streams; it is loaded for texts that are no JSON. */
export type ParseYaml = (text: string) => readonly YamlDocument[];

interface Text {
  readonly text: string;
  readonly name: string;
  readonly parseYaml: ParseYaml;
  /** Place of the text within another one. */
  readonly place?: Place;
  readonly position?: (at: number) => Position;
}

const BOOTSTRAP_KEYS =
  /^(static_?resources|dynamic_?resources|admin|node|layered_?runtime|cluster_?manager|overload_?manager|bootstrap_?extensions|stats_?sinks|node_?context_?params)$/i;
const SECTION_KEYS =
  /^(bootstrap|(static|dynamic)_?listeners|(static|dynamic_?active|dynamic_?warming)_?clusters|(static|dynamic)_?route_?configs|(inline|dynamic)_?scoped_?route_?configs)$/i;
const RESOURCES_KEY = /^(static|dynamic)_?resources$/i;
/** Configuration that a text holds somewhere. */
const HELD = /(static|dynamic)_?resources"?\s*:/i;
/** How deep a dump can stand in what a tool prints: namespace, pod, `configs`. */
const SEARCH_DEPTH = 4;

/**
 * Finds the Envoy configurations of a text.
 *
 * @throws {UsageError} with line and column when it cannot be parsed, or says what it is when there is none in it
 */
export function documentsOf(source: Text): Documents {
  const found = search(source);
  if (found.documents.length > 0) return found;
  const what = found.others.length === 0 ? "empty" : found.others.join(", ");
  throw new UsageError(
    `Cannot read "${source.name}" as an Envoy configuration: it is ${what}. It must be a bootstrap ` +
      `(with "static_resources" or "dynamic_resources"), the answer of the admin's /config_dump, a list of xDS ` +
      `"resources", or a ConfigMap with one of them`,
  );
}

interface Found extends Documents {
  /** Other findings, in words. */
  readonly others: readonly string[];
}

function search(source: Text): Found {
  const { text, name, place } = source;
  const lines = new Lines(text);
  const position = source.position ?? ((at: number) => lines.position(at));
  const roots = parse(source, position);
  const documents: SourceDocument[] = [];
  const others: string[] = [];
  const notes: string[] = [];
  const several = roots.length > 1;
  roots.forEach(({ root, broken }, index) => {
    if (root === undefined) return;
    const label = several ? `document ${index + 1}` : "";
    const context: Context = { ...source, position, broken, label };
    const before = documents.length;
    const base = place ?? { key: "", at: root.at };
    collect(root, base, context, { documents, others, notes });
    if (several && documents.length === before) {
      notes.push(`${name}: document ${index + 1} is not looked at: it is ${others.at(-1)}`);
    } else if (
      index > 0 && documents[before]?.kind === "bootstrap" && documents[before].part === label
    ) {
      notes.push(
        `${name}: Envoy reads the first document of a file alone, and this bootstrap is document ${
          index + 1
        }`,
      );
    }
  });
  return { documents, others, notes };
}

interface Context extends Text {
  readonly position: (at: number) => Position;
  readonly broken: SourceDocument["broken"];
  readonly label: string;
}

interface Sink {
  readonly documents: SourceDocument[];
  readonly others: string[];
  readonly notes: string[];
}

/** Puts a node where it belongs: among the documents, or among what is something else. */
function collect(node: SourceNode, place: Place, context: Context, sink: Sink): void {
  const { position, broken, label } = context;
  const add = (kind: DocumentKind, at: SourceNode, where: Place, part = label) => {
    sink.documents.push({ kind, node: at, place: where, part, position, broken });
  };
  if (node.kind === "list") {
    const items = node.items.filter((item) => resourceTypeOf(item) !== undefined);
    if (items.length > 0 && items.length === node.items.length) {
      add("resources", node, place);
      return;
    }
    const before = sink.documents.length;
    const unheard = { ...sink, others: [] };
    node.items.forEach((item, index) => {
      if (item.kind !== "map") return;
      const at = { parent: place, key: String(index), at: item.at };
      collect(item, at, { ...context, label: partOf(at) }, unheard);
    });
    if (sink.documents.length === before) sink.others.push("a list");
    return;
  }
  if (node.kind === "scalar") {
    sink.others.push("no mapping");
    return;
  }
  const kind = textOf(entryOf(node, "kind"));
  if (kind !== undefined && entryOf(node, "apiVersion") !== undefined) {
    manifest(node, place, context, { ...sink, kind });
    return;
  }
  const bootstrap = entryOf(node, "bootstrap");
  if (bootstrap?.kind === "map" && entryOf(node, "configs") === undefined) {
    add("bootstrap", bootstrap, below(node, "bootstrap", place));
    return;
  }
  if (entryOf(node, "configs")?.kind === "list") return add("dump", node, place);
  if (node.entries.some(({ key }) => BOOTSTRAP_KEYS.test(key))) {
    return add("bootstrap", node, place);
  }
  if (node.entries.some(({ key, value }) => SECTION_KEYS.test(key) && value.kind === "list")) {
    return add("dump", node, place);
  }
  if (entryOf(node, "resources")?.kind === "list") return add("resources", node, place);
  const type = resourceTypeOf(node);
  if (type !== undefined) {
    const name = type.slice(type.lastIndexOf(".") + 1);
    if (isResource(type)) return add("resources", node, place);
    sink.others.push(`a part of a configuration (${name})`);
    return;
  }
  const before = sink.documents.length;
  nested(node, place, { depth: SEARCH_DEPTH, add });
  if (sink.documents.length === before) held(node, place, context, sink);
  if (sink.documents.length > before) return;
  const keys = node.entries.slice(0, 4).map(({ key }) => `"${key}"`).join(", ");
  sink.others.push(keys === "" ? "empty" : `a mapping with ${keys}`);
}

/** Dumps in what `egctl` prints, by namespace and by pod, and a bootstrap among the values of a chart. */
function nested(
  node: SourceMap,
  place: Place,
  { depth, add }: {
    depth: number;
    add: (kind: DocumentKind, node: SourceNode, place: Place, part: string) => void;
  },
): void {
  for (const { key, keyAt, value } of node.entries) {
    if (value.kind !== "map") continue;
    const at: Place = { parent: place, key, at: keyAt };
    const part = partOf(at);
    if (entryOf(value, "configs")?.kind === "list") add("dump", value, at, part);
    else if (value.entries.some((one) => SECTION_KEYS.test(one.key) && one.value.kind === "list")) {
      add("dump", value, at, part);
    } else if (value.entries.some((one) => RESOURCES_KEY.test(one.key))) {
      add("bootstrap", value, at, part);
    } else if (depth > 0) nested(value, at, { depth: depth - 1, add });
  }
}

/** Kubernetes: a ConfigMap or Secret may hold configurations as texts; other kinds are named. */
function manifest(
  node: SourceMap,
  place: Place,
  context: Context,
  { kind, documents, others, notes }: Sink & { kind: string },
): void {
  const items = entryOf(node, "items");
  if (items?.kind === "list") {
    const itemsPlace = below(node, "items", place);
    items.items.forEach((item, index) =>
      collect(item, { parent: itemsPlace, key: String(index), at: item.at }, context, {
        documents,
        others,
        notes,
      })
    );
    return;
  }
  const name = textOf(entryOf(entryOf(node, "metadata"), "name"));
  const label = `a Kubernetes ${kind}${name === undefined ? "" : ` "${name}"`}`;
  const before = documents.length;
  if (kind === "ConfigMap" || kind === "Secret") {
    for (const key of ["data", "stringData", "binaryData"]) {
      const held = entryOf(node, key);
      if (held?.kind !== "map") continue;
      const heldPlace = below(node, key, place);
      const encoded = kind === "Secret" && key === "data" || key === "binaryData";
      for (const entry of held.entries) {
        const at = { parent: heldPlace, key: entry.key, at: entry.keyAt };
        documents.push(...embedded(entry.value, at, { context, encoded, notes }));
      }
    }
  }
  // Custom resources and workloads hold them, too: `spec.bootstrap.value`, `--config-yaml`.
  if (documents.length === before) held(node, place, context, { documents, others, notes });
  if (documents.length === before) {
    others.push(
      kind === "ConfigMap" || kind === "Secret" ? `${label} without an Envoy configuration` : label,
    );
  }
}

/** Configurations in texts that stand anywhere in a node. */
function held(node: SourceNode, place: Place, context: Context, sink: Sink): void {
  if (node.kind === "scalar") {
    if (!HELD.test(textOf(node) ?? "")) return;
    const { notes } = sink;
    sink.documents.push(...embedded(node, place, { context, encoded: false, notes }));
    return;
  }
  const inner = node.kind === "list"
    ? node.items.map((item, index) => ({ key: String(index), keyAt: item.at, value: item }))
    : node.entries;
  for (const { key, keyAt, value } of inner) {
    held(value, { parent: place, key, at: keyAt }, context, sink);
  }
}

/** Configurations in a text that another one holds; none when it is something else. */
function embedded(
  node: SourceNode,
  place: Place,
  { context, encoded, notes }: { context: Context; encoded: boolean; notes: string[] },
): SourceDocument[] {
  const value = textOf(node);
  if (value === undefined || node.kind !== "scalar") return [];
  const text = encoded ? Buffer.from(value, "base64").toString("utf8") : value;
  const inner = new Lines(text);
  const outer = context.position(node.block?.at ?? node.at);
  const { block } = node;
  const position = block === undefined ? () => outer : (at: number) => {
    const { line, column } = inner.position(at);
    return { line: outer.line + line - 1, column: column + block.indent };
  };
  try {
    const found = search({ ...context, text, place, position });
    notes.push(...found.notes);
    return found.documents.map((one) => ({ ...one, part: partOf(place) }));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // Scripts and certificates stand beside configurations; what looks like one must not be passed over.
    if (/static_?resources/i.test(text)) throw error;
    return [];
  }
}

/** Types that xDS serves, or that hold a way in whole; other messages are parts of them. */
const RESOURCES =
  /\.(Listener|RouteConfiguration|ScopedRouteConfiguration|VirtualHost|Cluster|ClusterLoadAssignment|Secret|Runtime|Resource|TypedExtensionConfig|HttpConnectionManager)$/;

function isResource(type: string): boolean {
  // A type URL of the v2 API ends in the resource's name alone.
  return RESOURCES.test(`.${type}`);
}

/** The kind of resource that an item is, by its type, or by its fields where a tool leaves the type out. */
export function resourceTypeOf(node: SourceNode): string | undefined {
  if (node.kind !== "map") return undefined;
  const type = textOf(entryOf(node, "@type"));
  if (type !== undefined) return type.slice(type.lastIndexOf("/") + 1);
  const wrapped = entryOf(node, "resource");
  if (wrapped?.kind === "map" && textOf(entryOf(wrapped, "@type")) !== undefined) {
    return "envoy.service.discovery.v3.Resource";
  }
  const has = (...keys: string[]) => node.entries.some(({ key }) => keys.includes(key));
  if (has("filterChains", "filter_chains", "defaultFilterChain", "default_filter_chain")) {
    return "envoy.config.listener.v3.Listener";
  }
  if (has("virtualHosts", "virtual_hosts")) return "envoy.config.route.v3.RouteConfiguration";
  const cluster = ["loadAssignment", "load_assignment", "edsClusterConfig", "eds_cluster_config"];
  if (
    has("name") && has(...cluster, "connectTimeout", "connect_timeout", "lbPolicy", "lb_policy")
  ) {
    return "envoy.config.cluster.v3.Cluster";
  }
  return undefined;
}

function below(node: SourceMap, key: string, place: Place): Place {
  const entry = node.entries.findLast((one) => one.key === key);
  return { parent: place, key, at: entry?.keyAt ?? node.at };
}

function partOf(place: Place): string {
  const keys: string[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) {
    if (at.key !== "") keys.unshift(at.key);
  }
  return keys.join("/");
}

interface Root {
  readonly root: SourceNode | undefined;
  readonly broken: SourceDocument["broken"];
}

function parse({ text, name, parseYaml }: Text, position: (at: number) => Position): Root[] {
  if (text.includes("\0")) {
    throw new UsageError(
      `Cannot read "${name}": it is binary, or no UTF-8; YAML and JSON are read`,
    );
  }
  if (PROTOBUF_TEXT.test(text)) {
    throw new UsageError(
      `Cannot read "${name}": it is protobuf's text format (pb_text); YAML and JSON are read`,
    );
  }
  const where = (at: number) => {
    const { line, column } = position(at);
    return `"${name}":${line}:${column}`;
  };
  if (/^\s*[{[]/.test(text)) {
    try {
      return [{ root: parseJsonSource(text), broken: [] }];
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      const looksLikeYaml = !name.endsWith(".json");
      if (!looksLikeYaml && !PLACEHOLDER.test(text)) {
        throw new UsageError(`Cannot parse ${where(error.at)}: ${messageOf(error)}`);
      }
    }
  }
  return parseYaml(text).map(({ root, errors }) => {
    const placeholder = PLACEHOLDER.exec(text);
    const broken = errors.map(({ at, message }) => {
      if (placeholder === null) throw new UsageError(`Cannot parse ${where(at)}: ${message}`);
      return {
        at,
        found: `the text is no YAML (${message}) while placeholders such as ${
          placeholder[0]
        } stand in it`,
      };
    });
    return { root: root ?? (broken.length > 0 ? EMPTY_BOOTSTRAP : undefined), broken };
  });
}

/** Protobuf's text format begins with a field and its message in braces. */
const PROTOBUF_TEXT = /^(?:\s*#[^\n]*\n|\s)*(?:static_resources|dynamic_resources|admin|node)\s*\{/;

/** Stands for a template of which nothing could be read. */
const EMPTY_BOOTSTRAP: SourceNode = {
  kind: "map",
  at: 0,
  entries: [{ key: "static_resources", keyAt: 0, value: { kind: "map", at: 0, entries: [] } }],
};

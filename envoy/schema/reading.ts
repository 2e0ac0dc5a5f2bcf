/** A configuration as Envoy reads it, with places; the only door to what stands behind it. */
import type { Json, JsonObject } from "../tree.ts";
import {
  type DocumentKind,
  documentsOf,
  type ParseYaml,
  resourceTypeOf,
  type SourceDocument,
} from "./documents.ts";
import { type Place, type ProblemKind, spelledPath } from "./problem.ts";
import { Reader } from "./read.ts";
import type { EnvoySchema } from "./schema.ts";
import { entryOf, type Position, type SourceNode } from "./source.ts";

/** Where something stands in a file: keys as they are written, line and column from 1. */
export interface Located extends Position {
  readonly path: string;
}

/** Faults that Envoy would refuse. */
export interface ReadingProblem extends Located {
  readonly kind: ProblemKind;
  readonly found: string;
}

/** One configuration of a text. */
export interface Reading {
  readonly kind: DocumentKind;
  /** The part of the text that it stands in, empty for the whole: `data/envoy.yaml`, `document 2`. */
  readonly part: string;
  /** In one form: snake_case, enums by name, durations as `1.5s`, wrappers as their values. */
  readonly root: JsonObject;
  readonly problems: readonly ReadingProblem[];
  /** Texts with placeholders of a template in them, which Envoy takes as they are. */
  readonly unfilled: readonly Located[];
  /** Where a path of `root` stands in the text, or the nearest one above it that is there. */
  locate(path: string): Located;
}

/** The configurations of a text, and what was left aside. */
export interface Readings {
  readonly readings: readonly Reading[];
  readonly notes: readonly string[];
}

const BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap";
/** Types of a dump's sections, by a field that only they have; tools leave `@type` out. */
const SECTIONS: readonly (readonly [RegExp, string])[] = [
  [/^bootstrap$/, "BootstrapConfigDump"],
  [/^(static|dynamic)_?listeners$/i, "ListenersConfigDump"],
  [/^(static|dynamic_?active|dynamic_?warming)_?clusters$/i, "ClustersConfigDump"],
  [/^(static|dynamic)_?route_?configs$/i, "RoutesConfigDump"],
  [/^(inline|dynamic)_?scoped_?route_?configs$/i, "ScopedRoutesConfigDump"],
  [/^ecds_?filters$/i, "EcdsConfigDump"],
];

/**
 * Reads every Envoy configuration of a text by Envoy's rules.
 *
 * @throws {UsageError} with line and column when the text cannot be parsed, or says what it is when no Envoy reads it
 */
export function readTyped(
  text: string,
  { name, schema, parseYaml }: { name: string; schema: EnvoySchema; parseYaml: ParseYaml },
): Readings {
  const { documents, notes } = documentsOf({ text, name, parseYaml });
  return { readings: documents.map((document) => readingOf(document, schema)), notes };
}

function readingOf(document: SourceDocument, schema: EnvoySchema): Reading {
  const reader = new Reader(schema);
  const root = rootOf(document, reader);
  const located = (place: Place, rest: readonly string[] = []): Located => ({
    path: [spelledPath(place), ...rest].filter((part) => part !== "").join("/"),
    ...document.position(place.at),
  });
  return {
    kind: document.kind,
    part: document.part,
    root,
    problems: [
      ...document.broken.map(({ at, found }) => ({
        kind: "template" as const,
        found,
        path: spelledPath(document.place),
        ...document.position(at),
      })),
      ...reader.problems.map(({ kind, place, found }) => ({ kind, found, ...located(place) })),
    ],
    unfilled: reader.unfilled.map((place) => located(place)),
    locate(path) {
      const steps = path === "" ? [] : path.split("/");
      let value: Json | undefined = root;
      let place = document.place;
      for (let index = 0; index < steps.length; index++) {
        const step = steps[index] as string;
        const next = reader.placesOf(value)?.get(step);
        if (next === undefined) return located(place, steps.slice(index));
        place = next;
        value = (value as JsonObject)[step];
      }
      return located(place);
    },
  };
}

/** The canonical form: a bootstrap as it is, dumps as `configs`, resources as `resources`. */
function rootOf({ kind, node, place }: SourceDocument, reader: Reader): JsonObject {
  if (kind === "bootstrap") return reader.read(node, BOOTSTRAP, place) as JsonObject;
  const key = kind === "dump" ? "configs" : "resources";
  const list: Json[] = [];
  const root: JsonObject = { [key]: list };
  const held = entryOf(node, key);
  const items = held?.kind === "list" ? held.items : node.kind === "list" ? node.items : [node];
  const listPlace = held === undefined ? place : { parent: place, key, at: held.at };
  reader.setPlace(root, key, listPlace);
  items.forEach((item, index) => {
    const at: Place = item === node
      ? listPlace
      : { parent: listPlace, key: String(index), at: item.at };
    const read = readItem(item, kind, { reader, place: at });
    if (read === undefined) return;
    reader.setPlace(list, String(list.length), at);
    list.push(read);
  });
  return root;
}

function readItem(
  item: SourceNode,
  kind: DocumentKind,
  { reader, place }: { reader: Reader; place: Place },
): Json | undefined {
  if (item.kind !== "map") return undefined;
  if (entryOf(item, "@type") !== undefined) return reader.read(item, "google.protobuf.Any", place);
  if (kind === "resources") {
    const type = resourceTypeOf(item);
    if (type === undefined) return undefined;
    const value = reader.read(item, type, place) as JsonObject;
    value["@type"] = `type.googleapis.com/${type}`;
    return value;
  }
  const section = SECTIONS.find(([key]) => item.entries.some((entry) => key.test(entry.key)));
  if (section === undefined) return undefined;
  return reader.read(item, `envoy.admin.v3.${section[1]}`, place);
}

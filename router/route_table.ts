/** `routes.json`: which model is served on which paths. */
import { isCollection, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import { z } from "zod";
import { UsageError } from "../service/mod.ts";

/** One entry of `routes.json`. */
export interface Route {
  readonly name: string;
  readonly model: string;
  /** Whole path segments: `/v1/chat` covers `/v1/chat/completions`, not `/v1/chats`. */
  readonly path_prefix: string;
}

const routesSchema = z.array(z.strictObject({
  name: z.string().min(1),
  model: z.string().min(1),
  path_prefix: z.string().startsWith("/v1/", "Expected a path that begins with /v1/"),
})).min(1);

/** The longest list of findings that an error shows. */
const SHOWN = 8;

/**
 * Reads `routes.json`.
 *
 * @throws {UsageError} with file, line, column and what was expected, one line per finding
 */
export function parseRoutes(text: string, file: string): RouteTable {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const broken = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
  if (broken.length > 0) throw refusal(broken);
  const result = routesSchema.safeParse(document.toJS());
  const findings = result.success ? repeated(result.data) : result.error.issues.flatMap(findingsOf);
  if (findings.length > 0) {
    throw refusal(findings.map(({ path, message }) => {
      const place = path.length === 0 ? "" : `${path.join(".")}: `;
      return `${at(offsetOf(document, path))}: ${place}${message}`;
    }));
  }
  return new RouteTable(result.data ?? []);
}

/** The routes in force. */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #byModel: ReadonlyMap<string, readonly Route[]>;

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    this.#byModel = Map.groupBy(routes, ({ model }) => model);
  }

  /** Every model, in the order of the file, each once. */
  get models(): string[] {
    return [...this.#byModel.keys()];
  }

  /** Routes of a model; none when it is unknown. */
  routesOf(model: string): readonly Route[] {
    return this.#byModel.get(model) ?? [];
  }

  /** The route of a model with the longest prefix that covers the path (without query). */
  find(model: string, path: string): Route | undefined {
    return this.routesOf(model)
      .filter(({ path_prefix: prefix }) => covers(prefix, path))
      .sort((a, b) => b.path_prefix.length - a.path_prefix.length)[0];
  }
}

function covers(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith("/") || path.length === prefix.length || path[prefix.length] === "/";
}

interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Names are what logs and metrics say, so each is one route; so is each model with a prefix. */
function repeated(routes: readonly Route[]): Finding[] {
  const names = new Set<string>();
  const places = new Set<string>();
  return routes.flatMap(({ name, model, path_prefix }, index) => {
    const place = JSON.stringify([model, path_prefix]);
    const found: Finding[] = [];
    if (names.has(name)) {
      found.push({ path: [index, "name"], message: `Expected a name of its own: "${name}"` });
    }
    if (places.has(place)) {
      found.push({
        path: [index, "path_prefix"],
        message: `Expected one route only for "${model}" on "${path_prefix}"`,
      });
    }
    names.add(name);
    places.add(place);
    return found;
  });
}

function findingsOf(issue: z.core.$ZodIssue): Finding[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: "Expected no such key here: a route has name, model, path_prefix",
    }));
  }
  const message = issue.message.replace(/^Invalid input: expected/, "Expected");
  return [{ path: issue.path, message }];
}

function refusal(findings: string[]): UsageError {
  const shown = findings.slice(0, SHOWN);
  if (findings.length > SHOWN) shown.push(`and ${findings.length - SHOWN} more`);
  return new UsageError(`Cannot read the routes:\n  ${shown.join("\n  ")}`);
}

/** Where in the text the value at `path` stands; its nearest parent when there is none. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = (node as Node | null)?.range?.[0] ?? 0;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = node.items.find((item) =>
      isPair(item) && isScalar(item.key) && String(item.key.value) === String(step)
    );
    const next: unknown = pair === undefined ? node.get(step, true) : (pair as { key: Node }).key;
    offset = (next as Node | null | undefined)?.range?.[0] ?? offset;
    node = node.get(step, true);
  }
  return offset;
}

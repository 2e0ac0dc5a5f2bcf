/** A schema's issues as findings for a person: at the deepest place, beginning with what was expected. */
import { z } from "zod";
import type { Finding } from "./kind.ts";

/** Longest list of keys that a finding names. */
const KEYS_SHOWN = 16;

type Issue = z.core.$ZodIssue;

/**
 * Returns what an issue means: an unknown key at the key, a choice at the choice that came closest. Words are looked for
 * when they are asked for: there may be 100,000 unknown keys, and few are shown.
 */
export function findingsOf(issue: Issue, schema: z.ZodType, docs?: string): Finding[] {
  return flat(issue, []).map(({ path, issue }) => ({
    path,
    get message() {
      return said({ path, issue }, schema, docs);
    },
  }));
}

function said({ path, issue }: Placed, schema: z.ZodType, docs: string | undefined): string {
  if (issue.code !== "unrecognized_keys") return messageOf(issue);
  const known = keysAt(schema, path.slice(0, -1));
  const list = known.length > 0 && known.length <= KEYS_SHOWN
    ? `: there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`
    : "";
  const page = docs === undefined || list !== "" ? "" : `: ${docs} lists them`;
  return `Expected no such key here${list}${page}`;
}

interface Placed {
  readonly path: readonly PropertyKey[];
  readonly issue: Issue;
}

function flat(issue: Issue, base: readonly PropertyKey[]): Placed[] {
  const path = [...base, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], issue }));
  }
  if (issue.code === "invalid_union" && issue.message === "Invalid input") {
    const branches = issue.errors.map((issues) => issues.flatMap((inner) => flat(inner, path)));
    const depthOf = (branch: readonly Placed[]) =>
      Math.max(0, ...branch.map(({ path }) => path.length));
    const deepest = branches.toSorted((a, b) => depthOf(b) - depthOf(a))[0];
    if (deepest !== undefined && depthOf(deepest) > path.length) return deepest;
    const wanted = branches.flat().map(({ issue }) => messageOf(issue))
      .filter((message) => message.startsWith("Expected "))
      .map((message) => message.slice("Expected ".length).replace(/, received .*$/, ""));
    const message = `Expected ${[...new Set(wanted)].join(" or ") || "something else"}`;
    return [{ path, issue: { ...issue, message } }];
  }
  return [{ path, issue }];
}

function messageOf(issue: Issue): string {
  const text = issue.code === "invalid_key"
    ? issue.issues[0]?.message ?? issue.message
    : issue.message;
  const message = text.replace(/^(Invalid (input|option)|Too (small|big)): expected/, "Expected")
    .replace(/, received undefined$/, ", which is missing");
  return message.charAt(0).toUpperCase() + message.slice(1);
}

interface JsonSchema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** The keys that the schema knows at a place; none where it cannot be said. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  let here = [root];
  for (const step of path) {
    here = here.flatMap((one) => spread(one, root)).flatMap((one) => {
      if (typeof step === "number") {
        const next = one.prefixItems?.[step] ?? one.items;
        return next === undefined ? [] : [next];
      }
      const next = one.properties?.[String(step)] ?? one.additionalProperties;
      return typeof next === "object" ? [next] : [];
    });
  }
  const keys = here.flatMap((one) => spread(one, root))
    .flatMap(({ properties = {} }) => Object.keys(properties));
  return [...new Set(keys)];
}

/** A schema and all that it may be instead. */
function spread(schema: JsonSchema, root: JsonSchema): JsonSchema[] {
  const target = schema.$ref === "#"
    ? root
    : root.$defs?.[schema.$ref?.replace("#/$defs/", "") ?? ""];
  const others = [...schema.anyOf ?? [], ...schema.allOf ?? [], ...(target ? [target] : [])];
  return [schema, ...others.flatMap((other) => other === schema ? [] : spread(other, root))];
}

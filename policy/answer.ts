/**
 * Turns an `allow` or a `deny` into a CheckResponse. Whatever does not depend on the request is
 * serialised once: a denial whole, an allowance but for its decision id, which is patched in.
 */
import { dialectOf, DIALECTS, errorIn } from "../dialects/mod.ts";
import { GRPC_STATUS } from "../grpc/mod.ts";
import {
  type AppendAction,
  type CheckResponse,
  encodeCheckResponse,
  type HeaderOption,
} from "../ext_authz/mod.ts";
import type { Allow, Deny, HeaderLine, Headers } from "./rules_schema.ts";
import { parseTemplate, type Template, type TemplateInput } from "./template.ts";

/** Makes the bytes of an answer. */
export type Answer = (input: TemplateInput) => Uint8Array;

/** Additions of a stub to every allowance, besides those of its rules. */
export interface Provider {
  /** The real upstream's key, set as `authorization: Bearer …` in place of the client's. */
  readonly key: string;
  /** Headers that hold a client's credential; removed, but for `authorization`, which is replaced. */
  readonly credentialHeaders: readonly string[];
}

/** The tenant of a request that was allowed without a key. */
export const ANONYMOUS = "anonymous";

const ACTIONS: Record<HeaderLine["action"], AppendAction | undefined> = {
  set: "overwrite_if_exists_or_add",
  append: "append_if_exists_or_add",
  add_if_absent: "add_if_absent",
  overwrite_if_exists: "overwrite_if_exists",
  unset: undefined,
};

interface Line {
  readonly name: string;
  readonly value: Template;
  readonly action: AppendAction | undefined;
}

/** Compiles an allowance. */
export function compileAllow(allow: Allow, provider?: Provider): Answer {
  const own = [
    ...lines(allow.set ?? {}, "set"),
    ...lines(allow.append ?? {}, "append"),
    ...(allow.headers ?? []).map(line),
  ];
  const named = new Set(own.map(({ name }) => name));
  const identity: Line[] = [
    line({ name: "x-llm-decision-id", value: "{decision_id}", action: "set" }),
    line({ name: "x-llm-policy-version", value: "{version}", action: "set" }),
    line({ name: "x-tenant", value: `{tenant|${ANONYMOUS}}`, action: "set" }),
  ];
  const request = [...identity.filter(({ name }) => !named.has(name)), ...own];
  const response = responseLines(allow.response_headers);
  const query = Object.entries(allow.query?.set ?? {})
    .map(([key, value]) => [key, parseTemplate(value)] as const);
  let remove = allow.remove ?? [];
  if (provider !== undefined) {
    const value = { constant: undefined, fill: () => `Bearer ${provider.key}` };
    request.push({ name: "authorization", value, action: ACTIONS.set });
    remove = [...remove, ...provider.credentialHeaders].filter((name) => name !== "authorization");
  }
  const build = (input: TemplateInput): CheckResponse => ({
    code: GRPC_STATUS.OK,
    ok: {
      headers: request.map((one) => fill(one, input)),
      headersToRemove: [...new Set(remove)],
      responseHeaders: response.map((one) => fill(one, input)),
      queryToSet: query.map(([key, value]) => [key, value.fill(input)] as const),
      queryToRemove: allow.query?.remove ?? [],
    },
    metadata: {
      ...allow.metadata,
      decision: "allow",
      rule: input.rule,
      tenant: input.tenant || ANONYMOUS,
      version: input.version,
      ...(input.key === "" ? {} : { key: input.key }),
    },
  });
  const constant = [...own, ...response].every(({ value }) => value.constant !== undefined) &&
    query.every(([, value]) => value.constant !== undefined);
  return constant && !named.has("x-llm-decision-id")
    ? patched(build)
    : (input) => encodeCheckResponse(build(input));
}

/** Compiles a denial; `body` in place of the JSON that `code` and `message` make. */
export function compileDeny(deny: Deny & { readonly body?: string | undefined }): Answer {
  const message = parseTemplate(deny.message);
  const own = responseLines(deny.headers);
  const named = new Set(own.map(({ name }) => name));
  const standard = [
    line({ name: "x-llm-deny-code", value: deny.code, action: "set" }),
    line({ name: "content-type", value: "application/json", action: "set" }),
    // RFC 9110 section 11.6.1: a 401 must say how to authenticate.
    ...(deny.status === 401
      ? [line({ name: "www-authenticate", value: "Bearer", action: "set" })]
      : []),
  ].filter(({ name }) => !named.has(name) && (deny.body === undefined || name !== "content-type"));
  const headers = [...standard, ...own];
  const build = (input: TemplateInput): CheckResponse => ({
    code: denialCode(deny.status),
    denied: {
      status: deny.status,
      headers: headers.map((one) => fill(one, input)),
      body: deny.body ?? denialBody(input.path, deny, message.fill(input)),
    },
    metadata: {
      decision: "deny",
      rule: input.rule,
      code: deny.code,
      tenant: input.tenant,
      version: input.version,
    },
  });
  const constant = message.constant !== undefined &&
    headers.every(({ value }) => value.constant !== undefined);
  if (!constant) return (input) => encodeCheckResponse(build(input));
  const answers = Object.fromEntries(DIALECTS.map((dialect) => [dialect, once(build)]));
  return (input) => (answers[dialectOf(input.path)] as Answer)(input);
}

/** A denial in the shape that the path's clients understand, so that they raise the right error with its words. */
function denialBody(path: string, { status, code }: Deny, message: string): string {
  const dialect = dialectOf(path);
  if (dialect === "openai") return errorBody(message, code);
  return JSON.stringify(errorIn(dialect, status, { message }).body);
}

/** The error body that OpenAI's clients understand. */
export function errorBody(message: string, code: string): string {
  return JSON.stringify({ error: { message, type: "policy_error", param: null, code } });
}

/** The gRPC status inside a denial; Envoy only looks whether it is 0. */
function denialCode(status: number): number {
  if (status === 401) return GRPC_STATUS.UNAUTHENTICATED;
  return status === 429 ? GRPC_STATUS.RESOURCE_EXHAUSTED : GRPC_STATUS.PERMISSION_DENIED;
}

/** Answers per key stay few: their number is that of the keys of a rules file, times its rules. */
function perKey(make: (input: TemplateInput) => Answer): Answer {
  const answers = new Map<string, Answer>();
  return (input) => {
    const id = `${input.rule}\n${input.key}\n${input.tenant}`;
    let answer = answers.get(id);
    if (answer === undefined) answers.set(id, answer = make(input));
    return answer(input);
  };
}

function once(build: (input: TemplateInput) => CheckResponse): Answer {
  return perKey((first) => {
    const bytes = encodeCheckResponse(build(first));
    return () => bytes;
  });
}

/** Serialises once and writes each decision id over the first one: ids are of one length and ASCII. */
function patched(build: (input: TemplateInput) => CheckResponse): Answer {
  return perKey((first) => {
    const bytes = encodeCheckResponse(build(first));
    // The id is in the first header, so the first match is the right one.
    const at = indexOf(bytes, first.decision_id);
    return ({ decision_id }) => {
      const copy = bytes.slice();
      for (let i = 0; i < decision_id.length; i++) copy[at + i] = decision_id.charCodeAt(i);
      return copy;
    };
  });
}

function indexOf(bytes: Uint8Array, text: string): number {
  return new TextDecoder("latin1").decode(bytes).indexOf(text);
}

function line(header: HeaderLine): Line {
  const { name, value, action } = header;
  return { name, value: parseTemplate(value), action: ACTIONS[action] };
}

function lines(headers: Record<string, string>, action: HeaderLine["action"]): Line[] {
  return Object.entries(headers).map(([name, value]) => line({ name, value, action }));
}

function responseLines(headers: Headers | undefined): Line[] {
  return Array.isArray(headers) ? headers.map(line) : lines(headers ?? {}, "set");
}

function fill({ name, value, action }: Line, input: TemplateInput): HeaderOption {
  return { name, value: value.constant ?? value.fill(input), action };
}

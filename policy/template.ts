/** The tiny template of header values: `{name}`, `{kind:argument}`, `{…|default}`, and `{{` for a brace. */

import { isCredentialHeader } from "../service/mod.ts";

/** Values of a request that a template may use. */
export interface TemplateInput {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly source: string;
  /** Name in the client's certificate; empty when it showed none. */
  readonly principal: string;
  readonly key: string;
  readonly tenant: string;
  readonly version: string;
  readonly rule: string;
  readonly decision_id: string;
  header(name: string): string | undefined;
  context(name: string): string | undefined;
  metadata(filter: string, path: string): string | undefined;
}

const PLAIN = [
  "method",
  "path",
  "host",
  "source",
  "principal",
  "key",
  "tenant",
  "version",
  "rule",
  "decision_id",
] as const;

type Part = string | ((input: TemplateInput) => string);

/** A template, ready to use. */
export interface Template {
  /** The text when it uses no variable, so that an answer with it can be made once. */
  readonly constant: string | undefined;
  /** Fills it in. Control characters become spaces: a header value must not hold a line break. */
  fill(input: TemplateInput): string;
}

const TOKEN = /\{\{|\{([^{}]*)\}|\{/gu;

/** Reads a template. Throws `SyntaxError` naming what it does not know. */
export function parseTemplate(text: string): Template {
  const parts: Part[] = [];
  let literal = "";
  let at = 0;
  for (const token of text.matchAll(TOKEN)) {
    literal += text.slice(at, token.index);
    at = token.index + token[0].length;
    if (token[0] === "{{") literal += "{";
    else if (token[1] === undefined) {
      throw new SyntaxError('Expected "}" after "{"; write "{{" for a brace');
    } else {
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push(variable(token[1]));
    }
  }
  literal += text.slice(at);
  if (literal !== "" || parts.length === 0) parts.push(literal);
  const [only] = parts;
  return {
    constant: parts.length === 1 && typeof only === "string" ? only : undefined,
    fill: (input) =>
      parts.map((part) => typeof part === "string" ? part : clean(part(input))).join(""),
  };
}

/** Checks a template; throws like {@linkcode parseTemplate}. */
export function variablesOf(text: string): void {
  parseTemplate(text);
}

function variable(expression: string): Part {
  const bar = expression.indexOf("|");
  const fallback = bar < 0 ? "" : expression.slice(bar + 1);
  const [kind = "", ...rest] = (bar < 0 ? expression : expression.slice(0, bar)).split(":");
  const argument = rest.join(":");
  const plain = PLAIN.find((name) => name === kind);
  if (plain !== undefined && argument === "") return (input) => input[plain] || fallback;
  if (kind === "request_id" && argument === "") {
    return (input) => input.header("x-request-id") ?? fallback;
  }
  if (kind === "header" && argument !== "") {
    const name = argument.toLowerCase();
    // A copy of one in another header, in metadata or in a message would end in a log.
    if (isCredentialHeader(name)) {
      throw new SyntaxError(`Expected a header without secrets: "${name}" would end in a log`);
    }
    return (input) => input.header(name) ?? fallback;
  }
  if (kind === "context" && argument !== "") return (input) => input.context(argument) ?? fallback;
  if (kind === "metadata" && rest.length >= 2) {
    const [filter = "", ...path] = rest;
    return (input) => input.metadata(filter, path.join(":")) ?? fallback;
  }
  throw new SyntaxError(
    `Expected one of ${PLAIN.map((name) => `{${name}}`).join(" ")} {request_id} {header:NAME} ` +
      `{context:NAME} {metadata:FILTER:PATH}: "{${expression}}" is none`,
  );
}

function clean(value: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what must go
  return value.replace(/[\x00-\x1f\x7f]/g, " ");
}

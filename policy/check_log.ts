/** The stub's record of a Check. */
import type { CheckRequest } from "../ext_authz/mod.ts";
import { markOf, NONCE_HEADER, nonceOf, shown } from "../service/mod.ts";
import type { RulesEngine } from "./engine.ts";
import { redact } from "./redact.ts";

/** One Check: what was asked, without secrets, and what was answered. Times are `now()` of service/, in ms. */
export interface PolicyCheck {
  /** The harness case it belongs to, unchecked: only a signed one is ever obeyed. */
  nonce?: string;
  requestId?: string;
  readonly receivedAt: number;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly protocol: string;
  /** Length of the request's body as Envoy knows it; -1 when it does not. */
  readonly size: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Every header line in order, when Envoy sends `header_map`. */
  readonly headerList?: readonly (readonly [string, string])[];
  /** Bytes of body that came with the Check. */
  readonly bodyBytes: number;
  readonly contextExtensions: Readonly<Record<string, string>>;
  /** Dynamic metadata that Envoy sent along, by filter name. */
  metadata?: Readonly<Record<string, unknown>>;
  /** Address of the client, as Envoy sees it. */
  readonly source: string;
  /** Name in the client's certificate, where it showed one. */
  principal?: string;
  readonly grpcPath: string;
  decision?: "allow" | "deny" | "error";
  /** The rule, or `script`. */
  rule?: string;
  code?: string;
  status?: number;
  tenant?: string;
  /** Name of the key; empty when there was none that is known. */
  key?: string;
  decisionId?: string;
  answeredAt?: number;
  /** `nextOrder()` of service/, taken before the answer left. */
  answeredOrder?: number;
  /** When Envoy gave up waiting, or its client left. */
  cancelledAt?: number;
}

/** Makes the entry of a request. */
export function entryOf(
  request: CheckRequest,
  { engine, key, receivedAt, grpcPath }: {
    engine: RulesEngine;
    key: string;
    receivedAt: number;
    grpcPath: string;
  },
): PolicyCheck {
  const nonce = nonceOf(request.headers[NONCE_HEADER] ?? markOf(request.path));
  const requestId = request.headers["x-request-id"];
  const entry: PolicyCheck = {
    receivedAt,
    method: request.method,
    host: request.host,
    protocol: request.protocol,
    size: request.size,
    ...redact(request, engine, key),
    bodyBytes: request.body?.length ?? 0,
    contextExtensions: request.contextExtensions,
    source: request.source.address,
    grpcPath,
  };
  if (nonce !== undefined) entry.nonce = nonce;
  for (const _ in request.metadata) {
    entry.metadata = request.metadata;
    break;
  }
  if (requestId !== undefined) entry.requestId = requestId;
  const { principal } = request.source;
  if (principal !== "") entry.principal = principal;
  return entry;
}

/** One line per decision, for people: method, path, decision, why, who, how long. */
export function formatCheck(check: PolicyCheck): string {
  const outcome = check.decision === "deny"
    ? `deny ${check.status ?? 403} ${check.code ?? ""}`.trimEnd()
    : check.decision ?? (check.cancelledAt === undefined ? "pending" : "cancelled");
  const ms = (check.answeredAt ?? check.cancelledAt ?? check.receivedAt) - check.receivedAt;
  return [
    `${check.method} ${check.path}`,
    outcome,
    `rule=${check.rule ?? "-"}`,
    `tenant=${check.tenant || "-"}`,
    `request_id=${check.requestId ?? "-"}`,
    `${ms.toFixed(2)}ms`,
  ].map(shown).join("  ");
}

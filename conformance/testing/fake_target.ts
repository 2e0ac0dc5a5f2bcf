/** A target for tests of the suite. */
import { Barriers, Journal } from "../../service/mod.ts";
import type { EnvoyRecord, Expectations, PolicyRecord, Target, UpstreamRecord } from "../target.ts";

/** Promises of a plain target; tests change what they are about. */
export const EXPECTATIONS: Expectations = {
  policyErrorStatus: 503,
  policyTimeoutMs: 2_000,
  requestHeadersTimeoutMs: 0,
  connectTimeoutMs: 1_000,
  routes: ["/v1/chat/completions"],
  requestHeadersAdded: [],
  requestHeadersChanged: [],
  responseHeadersAdded: [],
  trustedHeaders: ["x-tenant"],
  requestIdKept: true,
};

/** Journals that a test writes itself: witnesses that say what they are told to. */
export interface FakeWitnesses {
  target: Target;
  policy: Journal<PolicyRecord>;
  upstream: Journal<UpstreamRecord>;
  envoy: Journal<EnvoyRecord>;
}

/** Returns a target whose witnesses are empty journals; nothing listens at its URL unless given. */
export function fakeTarget(change: Partial<Target> = {}): FakeWitnesses {
  const policy = new Journal<PolicyRecord>({ limit: 100 });
  const upstream = new Journal<UpstreamRecord>({ limit: 100 });
  const envoy = new Journal<EnvoyRecord>({ limit: 100 });
  const scripts = { set: () => {}, delete: () => {} };
  const idle = () => Promise.resolve();
  const target: Target = {
    name: "fake",
    url: "http://127.0.0.1:9",
    control: "both",
    protocols: ["h1"],
    features: [],
    credentials: { allow: [["x-api-key", "sesame-opens"]] },
    model: "m",
    expect: EXPECTATIONS,
    policy: {
      address: "fake:1",
      journal: policy,
      scripts,
      barriers: new Barriers(),
      close: idle,
      reopen: idle,
    },
    upstream: { url: "http://fake:2", journal: upstream, scripts, barriers: new Barriers() },
    ...change,
  };
  return { target, policy, upstream, envoy };
}

/** Returns a record of an allowed Check call. */
export function policyRecord(change: Partial<PolicyRecord> = {}): PolicyRecord {
  return {
    nonce: "case-0001",
    requestId: "id-1",
    receivedAt: 2,
    method: "POST",
    path: "/v1/chat/completions",
    host: "h",
    protocol: "HTTP/1.1",
    headers: {},
    bodyBytes: 0,
    contextExtensions: {},
    grpcPath: "/envoy.service.auth.v3.Authorization/Check",
    source: "127.0.0.1",
    decision: "allow",
    answeredAt: 3,
    answeredOrder: 1,
    ...change,
  };
}

/** Returns a record of a request that the upstream answered. */
export function upstreamRecord(change: Partial<UpstreamRecord> = {}): UpstreamRecord {
  return {
    nonce: "case-0001",
    requestId: "id-1",
    connection: 1,
    protocol: "http/1.1",
    attempt: 1,
    method: "POST",
    target: "/v1/chat/completions",
    headers: [],
    bodyBytes: 2,
    receivedAt: 4,
    receivedOrder: 2,
    status: 200,
    bytesWritten: 5,
    events: 0,
    eventTimes: [],
    writeStallMs: 0,
    end: "completed",
    endedAt: 6,
    ...change,
  };
}

/** Returns an access log line of a request that was passed on. */
export function envoyRecord(change: Partial<EnvoyRecord> = {}): EnvoyRecord {
  return {
    requestId: "id-1",
    status: 200,
    flags: "-",
    codeDetails: "via_upstream",
    bytesReceived: 2,
    bytesSent: 5,
    durationMs: 5,
    method: "POST",
    path: "/v1/chat/completions",
    line: "{}",
    ...change,
  };
}

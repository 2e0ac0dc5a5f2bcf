import assert from "node:assert/strict";
import { attemptsOf } from "./outcome.ts";

const PLACE = { namespace: "lb", key: "endpoint" };

interface Logged {
  readonly named?: string;
  readonly tried?: number;
  readonly address?: readonly [string, number];
  readonly status?: number;
  readonly details?: string;
  readonly flags?: object;
}

/** The attempts of a request as a line: `10.0.0.1:1 answered`. */
function attempts({ named = "10.0.0.1:1,10.0.0.2:1", tried = 1, ...logged }: Logged): string {
  const [address, port] = logged.address ?? [];
  const entry = {
    common_properties: {
      metadata: { filter_metadata: { lb: { endpoint: named } } },
      upstream_request_attempt_count: tried,
      ...(address && {
        upstream_remote_address: { socket_address: { address, port_value: port } },
      }),
      response_flags: logged.flags ?? {},
    },
    response: {
      response_code: logged.status ?? 200,
      response_code_details: logged.details ?? "via_upstream",
    },
  };
  return attemptsOf(entry, PLACE).map(({ endpoint, outcome }) => `${endpoint} ${outcome}`)
    .join(", ");
}

Deno.test("a host's retry-after is how long it rests: seconds, or a date", () => {
  const restMs = (retry_after?: string) => {
    const filter_metadata = {
      lb: { endpoint: "a:1" },
      "llmgate.usage": retry_after === undefined ? {} : { retry_after },
    };
    const entry = {
      common_properties: { metadata: { filter_metadata }, upstream_request_attempt_count: 1 },
      response: { response_code: 429, response_code_details: "via_upstream" },
    };
    return attemptsOf(entry, PLACE)[0]?.restMs;
  };
  assert.equal(restMs("7"), 7_000);
  assert.ok((restMs("Fri, 31 Dec 9999 23:59:59 GMT") ?? 0) > 0);
  for (const none of ["0", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", undefined]) {
    assert.equal(restMs(none), undefined);
  }
});

const RESET = "upstream_reset_before_response_started";
const OUTCOMES: readonly (readonly [Logged, string])[] = [
  [{}, "answered"],
  [{ status: 404 }, "answered"],
  [{ status: 429 }, "answered"],
  [{ status: 501 }, "answered"],
  [{ status: 500 }, "error"],
  [{ status: 503 }, "error"],
  [{ status: 503, details: `${RESET}{connection_failure}` }, "unreachable"],
  [{
    status: 503,
    details: `${RESET}{remote_connection_failure|delayed_connect_error:_Connection_refused}`,
  }, "unreachable"],
  [{ status: 503, details: `${RESET}{connection_timeout}` }, "unreachable"],
  [{ status: 503, details: `${RESET}{connection_termination}` }, "broken"],
  [{ details: "upstream_reset_after_response_started{connection_termination}" }, "broken"],
  [{ status: 504, details: "upstream_per_try_timeout" }, "error"],
  [
    { status: 504, details: "response_timeout", flags: { upstream_request_timeout: true } },
    "error",
  ],
  [{ status: 503, details: `${RESET}{overflow}` }, "undefined"],
  [{ details: "downstream_remote_disconnect" }, "undefined"],
  [{ status: 413, details: "request_payload_too_large" }, "undefined"],
];

Deno.test("attemptsOf() tells from Envoy's details what became of a request", () => {
  for (const [logged, outcome] of OUTCOMES) {
    assert.equal(attempts(logged), `10.0.0.1:1 ${outcome}`, JSON.stringify(logged));
  }
});

Deno.test("every attempt before the last one reached nobody", () => {
  const named = "10.0.0.1:1,[::1]:2,10.0.0.3:3";
  assert.equal(
    attempts({ named, tried: 3, address: ["10.0.0.3", 3] }),
    "10.0.0.1:1 unreachable, [::1]:2 unreachable, 10.0.0.3:3 answered",
  );
  assert.equal(
    attempts({ named: "10.0.0.1:1,[::1]:2", tried: 2, address: ["::1", 2] }),
    [
      "10.0.0.1:1 unreachable",
      "[::1]:2 answered",
    ].join(", "),
  );
});

Deno.test("an attempt for which there was no host left is none", () => {
  const details = "no_healthy_upstream";
  assert.equal(
    attempts({ tried: 3, address: ["10.0.0.2", 1], status: 503, details }),
    "10.0.0.1:1 unreachable, 10.0.0.2:1 unreachable",
  );
});

Deno.test("the host that answered is the one that Envoy says, whatever was named", () => {
  assert.equal(attempts({ address: ["10.0.0.9", 9] }), "10.0.0.9:9 answered");
});

Deno.test("a request that was tried nowhere says nothing", () => {
  assert.equal(attempts({ tried: 0, details: "no_healthy_upstream" }), "");
  assert.equal(attempts({ named: "" }), "");
  assert.deepEqual(attemptsOf({}, PLACE), []);
});

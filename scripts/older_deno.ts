/**
 * Functions that unit tests use and Deno 2.6 lacks, for `deno test --preload` there: `Deno.test.each`, whose titles name the
 * fields of a row as `$field`, and `assert.partialDeepStrictEqual`. CI's compiled binaries hold that runtime. Tests of
 * what it cannot do are left out, each group with its reason; any other test has to pass.
 */
import assert from "node:assert/strict";

interface Each {
  <T>(rows: readonly T[]): (title: string, body: (row: T) => void | Promise<void>) => void;
}

/** Gaps of that runtime, and the tests that are about just them: by their titles, or all of some files. */
const LACKING: readonly {
  readonly reason: string;
  readonly tests?: readonly RegExp[];
  readonly files?: RegExp;
}[] = [
  {
    reason: "its node:http throws when an answer is broken off that is being read: no watch ends",
    files: /\/router\/discovery\/k8s\/(k8s_discovery|reflector)_test\.ts$/,
  },
  {
    reason: "its node:http throws when an answer is broken off: a stream of an MCP server is left",
    files: /\/responses\/mcp\/(session|sdk)_test\.ts$/,
  },
  {
    reason: "its node:tls cannot listen with a key that is chosen for each name",
    tests: [/^outbound\(\) verifies TLS for the name of the URL, /],
  },
  {
    reason: "its node:net cannot send a TCP RST (no resetAndDestroy)",
    tests: [
      /^breakAnswer\(\) puts tcp_rst on the wire$/,
      /^a script may name the fault tcp_rst, /,
      /^docs\/policy\.md: \[\{ "fault": "tcp_rst" \}\] /,
      /^on HTTP\/1\.1, abort rst /,
      /^on h2c, abort tcp_rst resets the connection$/,
      /^on h2c, the journal tells that the peer left with client-rst$/,
      /^the journal tells that the client left with rst, /,
      /^docs\/upstream\.md:\d+ \(- abort: rst\) /,
    ],
  },
  {
    reason: "its node:net cannot share a port among listeners (no reusePort)",
    tests: [/^threads share a port, /],
  },
  {
    reason: "its node:tls cannot listen on an address, nor ask clients for certificates",
    tests: [/^startGrpcServer\(\) serves TLS /, /^startGrpcServer\(\) and a client authority /],
  },
  {
    reason: "its node:crypto reads neither names nor signatures of a certificate",
    tests: [
      /^a folder gets a CA, leaves that it signed, /,
      /^times after 2049 and long names /,
      /^a server's names are added to, /,
    ],
  },
  {
    reason: "it can only wait for a file's lock (no tryLock), so nothing is swept",
    tests: [
      /^makeRunDirectory\(\) (sweeps|many times at once): /,
      /^the folder of a run whose process /,
    ],
  },
  {
    reason: "its bundler writes other names",
    files: /\/scripts\/vendor_test\.ts$/,
  },
  {
    reason: "its node:http2 does not carry grpc-js, the reference implementation",
    tests: [
      /^startGrpcServer\(\) with (native, called by )?grpc-js /,
      /^startPolicy\(\) on grpc-js /,
    ],
  },
  {
    reason: "its node:http2, the reference implementation of HPACK and HTTP/2, does not answer",
    tests: [/^HpackDecoder agrees with another implementation /, /^h2c: /, / of node:http2$/],
  },
];

const original = Deno.test as typeof Deno.test & { each?: Each };
if (original.each === undefined) {
  const test = (...words: unknown[]) => {
    const name = nameOf(words);
    const lack = LACKING.find(({ tests = [], files }) =>
      files?.test(Deno.mainModule) || tests.some((pattern) => pattern.test(name))
    );
    if (lack === undefined) return (original as (...all: unknown[]) => void)(...words);
    original({ name: `${name} (left out: ${lack.reason})`, ignore: true, fn: () => {} });
  };
  const each: Each = (rows) => (title, body) => {
    for (const [index, row] of rows.entries()) test(fill(title, row, index), () => body(row));
  };
  Object.assign(Deno, { test: Object.assign(test, original, { each }) });
}

/** The title, in each of the forms that `Deno.test` takes. */
function nameOf(words: readonly unknown[]): string {
  for (const word of words) {
    if (typeof word === "string") return word;
    const { name } = word as { name?: unknown };
    if (typeof name === "string" && name !== "") return name;
  }
  return "";
}

function fill(title: string, row: unknown, index: number): string {
  const named = title.replaceAll(/\$(\w+)/g, (whole, name) => {
    const value = (row as Record<string, unknown> | null)?.[name];
    if (value === undefined) return whole;
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  });
  return named === title ? `${title} (${index + 1})` : named;
}

if (!("partialDeepStrictEqual" in assert)) {
  Object.assign(assert, {
    partialDeepStrictEqual(actual: unknown, expected: unknown): void {
      assert.deepEqual(partOf(actual, expected), expected);
    },
  });
}

/** Of `actual`, what `expected` speaks of: other fields of plain objects and arrays are left out. */
function partOf(actual: unknown, expected: unknown): unknown {
  const isPlain = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null &&
    [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value));
  if (!isPlain(actual) || !isPlain(expected)) return actual;
  const part = Object.entries(expected).filter(([name]) => name in actual)
    .map(([name, value]) => [name, partOf(actual[name], value)] as const);
  return Array.isArray(expected) ? part.map(([, value]) => value) : Object.fromEntries(part);
}

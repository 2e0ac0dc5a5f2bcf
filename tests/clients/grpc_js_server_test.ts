/** `--grpc-server grpc-js`: the reference engine, offered and not the default. */
import assert from "node:assert/strict";
import { checkClient } from "../../ext_authz/mod.ts";
import { encodeHeaders, FLAG, FRAME, FrameWriter, PREFACE } from "../../http2/mod.ts";
import { startProgram } from "../testing/program.ts";

/**
 * Deno versions under which a client's GOAWAY was seen to abort a process that serves with node:http2: a race in the
 * runtime (https://github.com/denoland/deno/issues/36788), which no test can call up at will.
 */
const ABORTS = /^2\.([0-8]\.|9\.[0-6]$)/;

Deno.test("grpc-js is not the default, as long as Deno aborts on GOAWAY (denoland/deno#36788)", () => {
  assert.match(
    Deno.version.deno,
    ABORTS,
    "A newer Deno: when the issue is closed, make grpc-js the default of `policy` (grpc/RATIONALE.md says " +
      "how it was measured); when it is open, add the version here.",
  );
});

Deno.test("an error that nobody catches in grpc-js does not end the program", async () => {
  const words = ["policy", "--port", "0", "--json", "--quiet", "--grpc-server", "grpc-js"];
  await using program = startProgram(words);
  const { policy: address } = JSON.parse(await program.line());
  const port = Number(address.split(":").at(-1));
  // No gRPC, and in the same packet an error of the connection: grpc-js answers a stream that is gone.
  const out = new FrameWriter();
  out.raw(new TextEncoder().encode(PREFACE));
  out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, new Uint8Array(0));
  const head = encodeHeaders([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/x"],
    [":authority", "x"],
  ]);
  out.frame({ type: FRAME.HEADERS, flags: FLAG.END_HEADERS, stream: 1 }, head);
  out.frame({ type: FRAME.RST_STREAM, flags: 0, stream: 0 }, new Uint8Array(4));
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(out.take());
  const buffer = new Uint8Array(1024);
  while (await connection.read(buffer).catch(() => null) !== null);
  using client = checkClient({ address });
  const attributes = { request: { http: { method: "GET", path: "/v1/models" } } };
  assert.equal((await client.verdict({ attributes })).decision, "deny");
  program.kill("SIGTERM");
  const { stderr } = await program.ended;
  assert.match(stderr, /grpc-js: .*stream has been destroyed/);
});

/** Floods of the known shapes end with ENHANCE_YOUR_CALM, cost at most 100 MiB, and leave the program serving. */
import assert from "node:assert/strict";
import { checkClient } from "../../ext_authz/mod.ts";
import { messageCodec } from "../../grpc/messages/mod.ts";
import { H2_ERROR } from "../../http2/mod.ts";
import { type Aim, flood, FLOODS } from "../../http2/testing/floods.ts";
import { startProgram } from "../testing/program.ts";

const HOST = "127.0.0.1";
const MIB = 1024 * 1024;

/** Memory that one flood may add to the program, MiB. */
const MAX_GROWTH = 100;

interface Victim {
  readonly words: readonly string[];
  /** Its address, as the ready line says it. */
  readonly address: (ready: Record<string, string>) => string | undefined;
  readonly aim: Aim;
  /** Asks as an honest client, and fails when it is not answered. */
  readonly ask: (port: number) => Promise<void>;
}

const CHECK = messageCodec("envoy.service.auth.v3.CheckRequest").encode({
  attributes: { request: { http: { method: "GET", path: "/v1/models", host: "localhost" } } },
});
const CHAT = new TextEncoder().encode(
  JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] }),
);

const VICTIMS: Readonly<Record<string, Victim>> = {
  "the policy stub": {
    words: ["policy", "--port", "0", "--json", "--quiet"],
    address: (ready) => ready["policy"],
    aim: {
      head: [
        [":method", "POST"],
        [":scheme", "http"],
        [":path", "/envoy.service.auth.v3.Authorization/Check"],
        [":authority", "policy"],
        ["content-type", "application/grpc"],
        ["te", "trailers"],
      ],
      body: new Uint8Array([0, 0, 0, 0, CHECK.length, ...CHECK]),
    },
    async ask(port) {
      using client = checkClient({ address: `${HOST}:${port}` });
      const attributes = { request: { http: { method: "GET", path: "/v1/models" } } };
      assert.equal((await client.verdict({ attributes })).decision, "deny");
    },
  },
  "the mock": {
    words: ["upstream", "--port", "0", "--json", "--quiet", "--pace", "0"],
    address: (ready) => ready["upstream"],
    aim: {
      head: [
        [":method", "POST"],
        [":scheme", "http"],
        [":path", "/v1/chat/completions"],
        [":authority", "mock"],
        ["content-type", "application/json"],
      ],
      body: CHAT,
    },
    async ask(port) {
      const response = await fetch(`http://${HOST}:${port}/v1/models`);
      assert.equal(response.status, 200);
      await response.body?.cancel();
    },
  },
};

/** A line of `/proc/PID/status` in MiB. */
function memory(pid: number, line: "VmRSS" | "VmHWM"): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024 / MIB;
}

const linux = Deno.build.os === "linux";

for (const [name, { words, address, aim, ask }] of Object.entries(VICTIMS)) {
  for (const one of FLOODS) {
    Deno.test(`${name} ends a flood: ${one.name}`, async () => {
      await using program = startProgram(words);
      const port = Number(address(JSON.parse(await program.line()))?.split(":").at(-1));
      await ask(port);
      const before = linux ? memory(program.pid, "VmRSS") : 0;
      const { goaway, pieces } = await flood({ hostname: HOST, port }, one, aim);
      assert.equal(goaway, H2_ERROR.ENHANCE_YOUR_CALM, `${pieces} pieces were taken`);
      await ask(port);
      // A process of its own, and so far at its peak now: nothing is shared with the attacker.
      const growth = linux ? memory(program.pid, "VmHWM") - before : 0;
      assert.ok(growth <= MAX_GROWTH, `${growth.toFixed(0)} MiB more than before`);
    });
  }
}

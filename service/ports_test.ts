import assert from "node:assert/strict";
import { UnavailableError, UsageError } from "./errors.ts";
import { assertPortFree, listenLasting, whoListens } from "./ports.ts";

Deno.test("assertPortFree() names the process that holds the port", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  await assert.rejects(
    assertPortFree({ host: "127.0.0.1", port, what: "the policy", remedy: "use --policy-port 0" }),
    (error) =>
      error instanceof UnavailableError && error.message.includes(`(pid ${Deno.pid})`) &&
      error.message.includes("--policy-port 0"),
  );
});

Deno.test("assertPortFree() accepts port 0 and a free port", async () => {
  await assertPortFree({ host: "127.0.0.1", port: 0, what: "a test" });
  // Which one is free, nobody can promise: others listen and start processes at the same time.
  const host = "127.0.0.1";
  await listenLasting(host, (port) => assertPortFree({ host, port, what: "a test" }));
});

Deno.test("whoListens() returns undefined for a port without a listener", async () => {
  assert.equal(await whoListens(1), undefined);
});

Deno.test("listenLasting() picks a port that no system hands out, and another when it is taken", async () => {
  const open: Deno.TcpListener[] = [];
  const listener = await listenLasting("127.0.0.1", (port) => {
    assert.ok(port >= 20_000 && port < 32_768, String(port));
    open.push(Deno.listen({ hostname: "127.0.0.1", port }));
    // Whoever was first has it: this one's own listener stands for theirs.
    return open.length === 1 ? Promise.reject(new Error("taken")) : Promise.resolve(open.at(-1));
  });
  assert.equal(open.length, 2);
  assert.equal(listener, open[1]);
  for (const one of open) one.close();
});

Deno.test("listenLasting() gives an error on that is not about the port", async () => {
  const broken = () => Promise.reject(new TypeError("no certificate"));
  await assert.rejects(listenLasting("127.0.0.1", broken), TypeError);
});

Deno.test("listenLasting() tries another port when one was taken and is free again", async () => {
  const tried: number[] = [];
  const port = await listenLasting("127.0.0.1", (port) => {
    tried.push(port);
    const gone = new UnavailableError("the port is taken by another process");
    return tried.length < 3 ? Promise.reject(gone) : Promise.resolve(port);
  });
  assert.equal(tried.length, 3);
  assert.equal(port, tried[2]);
});

Deno.test("assertPortFree() refuses a host that is no address of this machine, port 0 too", async () => {
  // RFC 5737 and RFC 6761: addresses and names that nobody has.
  for (const host of ["192.0.2.1", "nobody.invalid"]) {
    for (const port of [0, 27_001]) {
      await assert.rejects(assertPortFree({ host, port, what: "a test" }), UsageError);
    }
  }
});

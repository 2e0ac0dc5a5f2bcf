import assert from "node:assert/strict";
import type { Engine } from "../engine/engine.ts";
import { answerCreate } from "./create.ts";

const BODY = new TextEncoder().encode('{"model":"m","input":"ping"}');

/** An engine that fails with this. */
const failing = (error: (signal: AbortSignal) => unknown) =>
  ({
    start: (_tenant: string, _request: unknown, { signal }: { signal: AbortSignal }) =>
      Promise.reject(error(signal)),
  }) as unknown as Engine;

async function faultsOf(engine: Engine, signal: AbortSignal): Promise<unknown[]> {
  const faults: unknown[] = [];
  const call = { tenant: "t", body: BODY, signal, header: () => undefined };
  const reply = await answerCreate(engine, call, (error) => faults.push(error));
  assert.equal(reply.status, 500);
  return faults;
}

Deno.test("a client that leaves is no fault of the gateway's; what breaks meanwhile is", async () => {
  const left = AbortSignal.abort(new Error("the client left"));
  assert.deepEqual(await faultsOf(failing((signal) => signal.reason), left), []);
  const broken = new Error("the store is gone");
  assert.deepEqual(await faultsOf(failing(() => broken), left), [broken]);
  assert.deepEqual(await faultsOf(failing(() => broken), new AbortController().signal), [broken]);
});

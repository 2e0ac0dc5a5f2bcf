import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import type { Row } from "./row.ts";
import { play, sendAgain } from "./send.ts";

Deno.test("sendAgain() sends to the ingress alone, whatever path policy was told", async () => {
  for (const path of ["@127.0.0.1:9/", "", ":1/v1", "http://127.0.0.1:9/"]) {
    const check = { path, method: "GET", headers: { "x-api-key": "[key:demo]" } };
    const row = { id: "1", check } as unknown as Row;
    await assert.rejects(
      sendAgain(row, { ingress: "http://user", policy: undefined }),
      (error) => error instanceof UsageError && /its path is none/.test(error.message),
      path,
    );
  }
});

Deno.test("play() shows a redirect, and does not follow it", async () => {
  let asked = 0;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => {
      asked++;
      return Response.redirect(new URL("/elsewhere", url));
    },
  );
  const ingress = `http://127.0.0.1:${server.addr.port}`;
  const answer = await play(ingress, { path: "/v1/models" }, new AbortController().signal);
  await answer.body?.cancel();
  assert.deepEqual([answer.status, asked], [302, 1]);
});

import assert from "node:assert/strict";
import { UnavailableError, UsageError } from "../service/mod.ts";
import { bodyOf, type ControlRoute, controlRoutes, Problem, waitOf } from "./mod.ts";

const thrown = (error: Error) => () => {
  throw error;
};
const ROUTES: readonly ControlRoute<string>[] = [
  { method: "GET", path: "plays/:name", run: ({ part, params }) => Response.json([part, params]) },
  { method: "PUT", path: "plays/:name", run: () => new Response() },
  { method: "GET", path: "usage", run: thrown(new UsageError("wrong")) },
  { method: "GET", path: "late", run: thrown(new UnavailableError("late")) },
  { method: "GET", path: "taken", run: thrown(new Problem(409, "taken")) },
  { method: "GET", path: "fault", run: thrown(new TypeError("ours")) },
];
const control = controlRoutes("/__stage/", ROUTES, "part");
const ask = (path: string, method = "GET") =>
  control(new Request(`http://stage/__stage/${path}`, { method }));

Deno.test("controlRoutes() hands a call its part and its decoded parameters", async () => {
  assert.deepEqual(await (await ask("plays/a%2Fb%20c")).json(), ["part", { name: "a/b c" }]);
});

const REFUSED: readonly (readonly [path: string, method: string, status: number, says: RegExp])[] =
  [
    ["nowhere", "GET", 404, /Unknown control path "\/__stage\/nowhere"/],
    ["plays/", "GET", 404, /Unknown control path/],
    ["plays/a", "DELETE", 405, /use GET, PUT/],
    ["plays/%zz", "GET", 400, /percent-encoding/],
    ["plays/%ff", "GET", 400, /percent-encoding/],
    ["usage", "GET", 400, /wrong/],
    ["late", "GET", 504, /late/],
    ["taken", "GET", 409, /taken/],
    ["fault", "GET", 500, /ours/],
  ];

for (const [path, method, status, says] of REFUSED) {
  Deno.test(`controlRoutes() answers ${method} ${path} with ${status}, and an error body`, async () => {
    const response = await ask(path, method);
    assert.equal(response.status, status);
    assert.equal(response.headers.get("allow"), status === 405 ? "GET, PUT" : null);
    const { error } = await response.json();
    assert.match(error.message, says);
    assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
  });
}

Deno.test("controlRoutes() reads no body without an end", async () => {
  const whole = controlRoutes("/", [{
    method: "PUT",
    path: "text",
    run: async ({ request }) => new Response(await bodyOf(request)),
  }], undefined);
  const put = (body: BodyInit) => whole(new Request("http://stage/text", { method: "PUT", body }));
  assert.equal(await (await put("ü")).text(), "ü");
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
  });
  const response = await put(endless);
  assert.equal(response.status, 400);
  assert.match((await response.json()).error.message, /body is longer than 16777216 bytes/);
});

Deno.test("controlRoutes() leaves other prefixes alone, and repeats the beginning of a path only", async () => {
  assert.equal((await control(new Request("http://stage/plays/a"))).status, 404);
  const { error } = await (await ask("x".repeat(5_000))).json();
  assert.ok(error.message.length < 300);
});

Deno.test("waitOf() is half a minute unless it is said, and two minutes at most", () => {
  const waits = ["", "deadline_ms=5", "deadline_ms=0", "deadline_ms=9e9", "deadline_ms=soon"]
    .map((query) => waitOf(new URLSearchParams(query)));
  assert.deepEqual(waits, [30_000, 5, 1, 120_000, 30_000]);
});

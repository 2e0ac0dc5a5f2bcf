import assert from "node:assert/strict";
import { delay } from "../../service/mod.ts";
import { main } from "../main.ts";
import { fakeHost } from "../testing.ts";

/** A control listener that serves these texts, the last one again and again. */
function startControl(texts: readonly string[]) {
  let turn = 0;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(texts[Math.min(turn++, texts.length - 1)]),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const scrape = (answers: number) => `
llmgate_router_outstanding_requests{host="10.0.0.2:8000"} 0
llmgate_router_host_state{host="10.0.0.2:8000",state="ejected"} 1
llmgate_router_in_flight_requests{model="m",host="10.0.0.1:8000"} 2
llmgate_router_answers_total{route="r",model="m",host="10.0.0.1:8000",status="200"} ${answers}
`;

const ONCE = ["--once", "--interval", "0.01"];

Deno.test("router top --once draws a row for each model and host, and each that waits", async () => {
  await using control = startControl([scrape(0), scrape(5)]);
  const host = fakeHost();
  assert.equal(await main(["router", "top", "--control", control.url, ...ONCE], host), 0);
  const [title, head, first, second] = host.out().split("\n");
  assert.match(title ?? "", /^2026-01-02T03:04:05\.000Z {2}http:\/\/127\.0\.0\.1:\d+ {2}last /);
  assert.match(head ?? "", /^MODEL +HOST +STATE +IN FLIGHT +REQ\/S +ERR\/S +P50 .* TOKENS\/S$/);
  assert.match(first ?? "", /^m +10\.0\.0\.1:8000 +- +2 +\d+ +0 +- /);
  assert.match(second ?? "", /^- +10\.0\.0\.2:8000 +ejected +0 +0 +0 +- /);
});

Deno.test("router top --once --json prints one line with every figure", async () => {
  await using control = startControl([scrape(0), scrape(5)]);
  const host = fakeHost();
  const words = ["router", "top", "--json", "--control", `${control.url}/`, ...ONCE];
  assert.equal(await main(words, host), 0);
  const { seconds, rows } = JSON.parse(host.out());
  assert.ok(seconds > 0);
  assert.equal(rows.length, 2);
  assert.equal(Math.round(rows[0].rps * seconds), 5);
  assert.equal(rows[0].p50, null);
  assert.equal(rows[1].state, "ejected");
});

for (const terminal of [false, true]) {
  const how = terminal ? "draws its table anew on a terminal" : "writes one table after another";
  Deno.test(`router top ${how}, until it is told to stop`, async () => {
    await using control = startControl([scrape(0)]);
    const host = fakeHost({ terminal, env: { NO_COLOR: "1" } });
    const words = ["router", "top", "--control", control.url, "--interval", "0.01"];
    const running = main(words, host);
    while (host.out().split("MODEL").length < 4) await delay(1);
    host.send("SIGINT");
    assert.equal(await running, 130);
    assert.equal(host.out().includes("\x1b[H"), terminal);
    assert.equal(host.err(), "");
  });
}

Deno.test("router top says whom it could not reach, and who is no router", async () => {
  const nobody = fakeHost();
  const words = ["router", "top", ...ONCE, "--control"];
  assert.equal(await main([...words, "http://127.0.0.1:1"], nobody), 3);
  assert.match(
    nobody.err(),
    /Cannot read the metrics at "http:\/\/127\.0\.0\.1:1\/metrics": .*--control/,
  );
  await using other = startControl(["process_cpu_seconds_total 1\n"]);
  const host = fakeHost();
  assert.equal(await main([...words, other.url], host), 3);
  assert.match(host.err(), /none of llmgate_router_\*/);
});

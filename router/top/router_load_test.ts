import assert from "node:assert/strict";
import { readRouterSamples, routerLoad } from "./router_load.ts";
import { parseSamples, quantileOf } from "./samples.ts";

Deno.test("parseSamples() reads names, labels with escapes, and values", () => {
  const text = '# HELP a b\na 1\na_b{x="1",y="q\\"\\\\\\n,}"} 2.5\nc{le="+Inf"} +Inf\n\n';
  assert.deepEqual(parseSamples(text), [
    { name: "a", labels: {}, value: 1 },
    { name: "a_b", labels: { x: "1", y: 'q"\\\n,}' }, value: 2.5 },
    { name: "c", labels: { le: "+Inf" }, value: Infinity },
  ]);
});

Deno.test("quantileOf() spreads observations evenly within their bucket", () => {
  const buckets = [[1, 10], [2, 30], [Infinity, 40]] as const;
  assert.equal(quantileOf(buckets, 0.5), 1.5);
  assert.equal(quantileOf(buckets, 0.25), 1);
  assert.equal(quantileOf(buckets, 0.99), 2, "beyond the last bound, that bound");
  assert.equal(quantileOf([[1, 0], [Infinity, 0]], 0.5), undefined);
  assert.equal(quantileOf([], 0.5), undefined);
});

/** A scrape after so many answers of 0.3 s, every fifth of them a failure. */
function scrape(answers: number, inFlight = 0): string {
  const pair = 'model="m",host="10.0.0.1:8000"';
  const served = 'gen_ai_request_model="m",server_address="10.0.0.1",server_port="8000"';
  return `
llmgate_router_outstanding_requests{host="10.0.0.1:8000"} ${inFlight}
llmgate_router_outstanding_requests{host="10.0.0.2:8000"} 0
llmgate_router_host_state{host="10.0.0.1:8000",state="healthy"} 1
llmgate_router_host_state{host="10.0.0.1:8000",state="ejected"} 0
llmgate_router_host_state{host="10.0.0.2:8000",state="healthy"} 0
llmgate_router_host_state{host="10.0.0.2:8000",state="ejected"} 1
llmgate_router_in_flight_requests{${pair}} ${inFlight}
llmgate_router_answers_total{route="r",${pair},status="200"} ${answers * 4 / 5}
llmgate_router_answers_total{route="r",${pair},status="503"} ${answers / 5}
llmgate_router_tokens_total{${pair},type="input"} ${answers * 7}
llmgate_router_tokens_total{${pair},type="output"} ${answers * 20}
gen_ai_server_request_duration_seconds_bucket{le="0.2",${served}} 0
gen_ai_server_request_duration_seconds_bucket{le="0.4",${served}} ${answers * 4 / 5}
gen_ai_server_request_duration_seconds_bucket{le="+Inf",${served}} ${answers * 4 / 5}
gen_ai_server_request_duration_seconds_bucket{le="0.2",${served},error_type="503"} 0
gen_ai_server_request_duration_seconds_bucket{le="0.4",${served},error_type="503"} ${answers / 5}
gen_ai_server_request_duration_seconds_bucket{le="+Inf",${served},error_type="503"} ${answers / 5}
`;
}

const read = (text: string) => readRouterSamples(text) ?? [];

Deno.test("routerLoad() tells rates and quantiles of the time between, and hosts that wait", () => {
  const rows = routerLoad(read(scrape(100)), read(scrape(200, 3)), 2);
  assert.deepEqual(rows, [
    {
      model: "m",
      host: "10.0.0.1:8000",
      state: "healthy",
      in_flight: 3,
      rps: 50,
      errors_per_second: 10,
      p50: 0.30000000000000004,
      p99: 0.398,
      ttft_p50: null,
      ttft_p99: null,
      output_tokens_per_second: 1000,
    },
    {
      model: "",
      host: "10.0.0.2:8000",
      state: "ejected",
      in_flight: 0,
      rps: 0,
      errors_per_second: 0,
      p50: null,
      p99: null,
      ttft_p50: null,
      ttft_p99: null,
      output_tokens_per_second: 0,
    },
  ]);
});

Deno.test("routerLoad() takes a counter that fell for that of a restarted router", () => {
  const [row] = routerLoad(read(scrape(1000)), read(scrape(50)), 1);
  assert.equal(row?.rps, 50);
});

Deno.test("readRouterSamples() knows the metrics of somebody else", () => {
  assert.equal(readRouterSamples("process_cpu_seconds_total 1\n"), undefined);
});

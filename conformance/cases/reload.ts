/** Cases on changes of a running gateway: new requests see them, and running streams do not. */
import type { Case } from "../case.ts";
import { textOf, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { ReloadFeature } from "../traffic_features.ts";
import { chunkText, DONE, jsonAnswer, STREAM_HEAD } from "./shapes.ts";

const XDS = "Envoy: xDS configuration overview; draining";
/** Streams that run over each change. */
const STREAMS = 20;

function reloadOf(t: CaseContext): ReloadFeature {
  return t.target.reload ?? t.undeclared("Its configuration is not ours to change");
}

const PIECES = [chunkText("before"), chunkText("after", 1), DONE];

/** Opens streams, lets `act` happen once each has its first event, and judges how they end. */
async function over(t: CaseContext, act: () => Promise<void>): Promise<void> {
  const [first = "", ...rest] = PIECES;
  const running = await Promise.all(Array.from({ length: STREAMS }, async (_, index) => {
    const part = t.fork(`stream-${index}`);
    part.upstream.script(
      STREAM_HEAD,
      { write: first },
      { barrier: "changed" },
      ...rest.map((write) => ({ write })),
      { end: true },
    );
    const exchange = await part.send(part.chat({ stream: true }));
    await exchange.event(0);
    return { part, exchange };
  }));
  await act();
  for (const { part } of running) part.upstream.release("changed");
  const transcripts = await Promise.all(running.map(({ exchange }) => exchange.done()));
  const whole = transcripts.filter((one) =>
    one.end?.kind === "complete" && textOf(one) === PIECES.join("")
  );
  t.equal("whole streams", STREAMS, whole.length);
}

/** Header of an answer that a request gets now. */
async function headerNow(
  t: CaseContext,
  name: string,
  header: string,
): Promise<string | undefined> {
  const part = t.fork(name);
  part.upstream.script(...jsonAnswer("{}"));
  const { head } = await part.ask();
  t.equal(`${name}: status`, 200, head?.status);
  return valueOf(head?.headers ?? [], header);
}

/** Changes while streams run. */
export const RELOAD_CASES: readonly Case[] = [
  {
    id: "reload.routes-keep-streams",
    level: "must",
    control: "both",
    feature: "reload",
    exclusive: true,
    requirement: "Changed routes are in force for the next request, and no running stream ends",
    source: XDS,
    async run(t) {
      const { routes } = reloadOf(t);
      await over(t, async () => {
        t.equal("outcome", "applied", await routes(t.nonce));
        t.equal("header of the new route", t.nonce, await headerNow(t, "next", "x-case-route"));
      });
    },
  },
  {
    id: "reload.clusters-keep-streams",
    level: "must",
    control: "both",
    feature: "reload",
    exclusive: true,
    requirement: "A cluster that is added, changed and removed again costs no running stream",
    source: XDS,
    async run(t) {
      const { clusters } = reloadOf(t);
      for (const state of ["added", "changed", "removed"] as const) {
        const part = t.fork(state);
        await over(part, async () => {
          t.equal(`${state}: outcome`, "applied", await clusters(state));
          await headerNow(part, "next", "x-request-id");
        });
      }
    },
  },
  {
    id: "reload.endpoints-keep-streams",
    level: "must",
    control: "both",
    feature: "reload",
    exclusive: true,
    requirement:
      "Requests go to another endpoint from now on, and streams of the old one are whole",
    source: XDS,
    async run(t) {
      const { endpoints, moved } = reloadOf(t);
      await endpoints("first");
      await over(t, async () => {
        t.equal("outcome", "applied", await endpoints("second"));
        await headerNow(t, "next", "x-request-id");
        t.equal("requests at the other", 1, moved(t.fork("next").nonce));
      });
    },
  },
  {
    id: "reload.filters-keep-streams",
    level: "must",
    control: "both",
    feature: "reload",
    exclusive: true,
    requirement:
      "A filter's new settings are in force for the next request, and no running stream ends",
    source: XDS,
    async run(t) {
      const { filters } = reloadOf(t);
      await over(t, async () => {
        t.equal("outcome", "applied", await filters("/v1/closed-by-the-case"));
        const part = t.fork("closed");
        const { head } = await part.ask({ path: "/v1/closed-by-the-case" });
        t.equal("status of the closed path", 403, head?.status);
        t.equal("requests at the upstream", 0, part.upstream.requests().length);
      });
    },
  },
  {
    id: "reload.broken-keeps-old",
    level: "must",
    control: "both",
    feature: "reload",
    exclusive: true,
    requirement: "What Envoy refuses is refused with its reason, and what was in force stays",
    source: XDS,
    async run(t) {
      const { routes, broken } = reloadOf(t);
      await routes(`${t.nonce}-kept`);
      await over(t, async () => {
        const reason = await broken();
        t.that("reason", /timeout|duration/i.test(reason), "names the field", reason);
        const kept = await headerNow(t, "next", "x-case-route");
        t.equal("header of the route before", `${t.nonce}-kept`, kept);
      });
    },
  },
  {
    id: "reload.listener-told",
    level: "should",
    control: "both",
    feature: "reload",
    exclusive: true,
    requirement: "What only a new listener can have is said to need a restart, and nothing changes",
    source: XDS,
    async run(t) {
      const { listener, routes } = reloadOf(t);
      await routes(`${t.nonce}-kept`);
      await over(t, async () => {
        t.equal("outcome", "restart", await listener());
        const kept = await headerNow(t, "next", "x-case-route");
        t.equal("header of the route before", `${t.nonce}-kept`, kept);
      });
    },
  },
];

/** The limits service and the issuer's keys of a gateway, beside its upstream. */
import { openIssuer } from "../../../certs/mod.ts";
import { startLimits } from "../../../limits/mod.ts";
import {
  chatFields,
  curlLine,
  type Place,
  type Profile,
  shellWord,
  type SinglePart,
  type Suggestion,
} from "../../mod.ts";
import { assertKeys, keySetOf } from "./key_set.ts";
import type { EdgePart, EdgePartOptions } from "./profile.ts";

const LOOPBACK = "127.0.0.1";
const CHAT = "/v1/chat/completions";

/**
 * Starts the mock, unless a model server stands in, and the limits service, unless another one does.
 *
 * @throws {UsageError} for limits or certificates that cannot be used
 * @throws {UnavailableError} when the counters of the limits cannot be had
 */
export async function startEdgePart(
  options: EdgePartOptions,
  { base, place }: { base: Profile<SinglePart>; place: Place },
): Promise<EdgePart> {
  const { tlsFolder, tokens, limitsService, limits: text, limitsFile, env, now } = options;
  await assertKeys(tokens);
  await using stack = new AsyncDisposableStack();
  const part = stack.use(await base.start(place));
  const limits = limitsService === undefined
    ? stack.use(
      await startLimits({
        host: LOOPBACK,
        port: place.ports.limits ?? 0,
        ...(text === undefined ? {} : { limits: text }),
        ...(limitsFile === undefined ? {} : { limitsFile }),
        ...(env === undefined ? {} : { env }),
        ...(now === undefined ? {} : { now }),
        journalLimit: place.journalLimit,
        log: place.log,
      }),
    )
    : undefined;
  const address = limits?.address ?? `${limitsService?.host}:${limitsService?.port}`;
  const issuer = "issuerFile" in tokens ? () => openIssuer(tokens.issuerFile) : undefined;
  // A missing file of keys is made now, and not by the first question.
  await issuer?.();
  const owned = stack.move();
  return {
    ...part,
    limits,
    issuer,
    tlsFolder,
    ports: { ...part.ports, ...(limits === undefined ? {} : { limits: limits.port }) },
    metrics: [...part.metrics, ...(limits === undefined ? [] : [() => limits.metrics()])],
    control: {
      "/jwks.json": options.keySet ?? keySetOf(tokens, place.log),
      ...(limits === undefined ? {} : {
        "/journal/limits": () =>
          new Response(
            limits.journal.entries().map((one) => `${JSON.stringify(one)}\n`).join(""),
          ),
      }),
    },
    ...(limits !== undefined && { shows: { limits: () => limits.journal.entries() } }),
    services: { ...part.services, limits: address },
    welcome: () => [
      ...part.welcome(),
      {
        label: "limits",
        text: limits === undefined ? address : `${address}  counters in ${limits.place}`,
        foreign: limits === undefined,
      },
      {
        label: "tokens",
        text: "jwks" in tokens ? `of ${tokens.issuer}` : "llmgate token",
        foreign: "jwks" in tokens,
      },
      { label: "TLS", text: tlsFolder },
    ],
    suggestions: (url, tlsUrl) => [
      ...part.suggestions(url),
      ...suggestions(url, { tlsUrl, tlsFolder, tokens }),
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function suggestions(
  url: string,
  { tlsUrl, tlsFolder, tokens }:
    & Pick<EdgePartOptions, "tlsFolder" | "tokens">
    & { readonly tlsUrl: string | undefined },
): Suggestion[] {
  const ask = (base: string) => curlLine(base, { path: CHAT, headers: {}, body: chatFields() });
  const file = (name: string) => shellWord(`${tlsFolder}/${name}.pem`);
  const token = "issuerFile" in tokens ? "$(llmgate token --tenant a)" : "$TOKEN";
  return [
    { title: "with a token", command: `${ask(url)} -H "authorization: Bearer ${token}"` },
    ...(tlsUrl === undefined ? [] : [{
      title: "with a client certificate",
      command: `${ask(tlsUrl)} --cacert ${file("ca")} --cert ${file("client-a")} ` +
        `--key ${file("client-a.key")}`,
    }]),
    {
      title: "what is left of the limits",
      command: `curl -si ${url}/v1/models -H 'x-api-key: demo-key' | grep -i ratelimit`,
    },
  ];
}

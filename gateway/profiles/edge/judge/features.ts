/** Features of the profile as the suite asks them: limits, tokens, certificates, with control of what stands behind. */
import {
  type ClientCertificates,
  type Issuer,
  prepareTlsFolder,
  TRUST_DOMAIN,
} from "../../../../certs/mod.ts";
import type {
  CertificatesFeature,
  LimitsFeature,
  TokensFeature,
} from "../../../../conformance/mod.ts";
import type { Limits } from "../../../../limits/mod.ts";
import { delay, Journal, withDeadline } from "../../../../service/mod.ts";
import { keySetOf } from "../key_set.ts";

const TOKENS = 100;
const SESSION_REQUESTS = 2;
const CHEAP_MODEL = "case-cheap";

/** Small enough to be used up by a case. An answer of 30 tokens costs $0.03, or nothing. */
export const SMALL_LIMITS = `
version: 1
prices: { ${CHEAP_MODEL}: { input: 0, output: 0 }, default: { input: 1000, output: 1000 } }
limits:
  - match: { tenant: "*" }
    tokens: { per: month, max: ${TOKENS} }
    cost: { per: month, max: 0.05 }
  - match: { session: "*" }
    requests: { per: month, max: ${SESSION_REQUESTS} }
`;

/** Headers about the client's quota that the profile sets, and no upstream beside it. */
export const QUOTA = ["limit", "remaining", "reset"].flatMap((what) =>
  ["requests", "tokens"].map((kind) => `x-ratelimit-${what}-${kind}`)
);

/** Each listener asks for the keys by itself. The first round may be under way, and the last not yet taken in. */
const ASKING = 3;
const ROUNDS = 3;
/** Longest wait for these rounds: one is every 5 s. */
const KEYS_MS = 25_000;
/** Longest wait for a charge: it comes a moment after the answer. */
const CHARGE_MS = 10_000;

/** Milliseconds between two looks at what Envoy does by itself. */
const LOOK_MS = 20;

/** Certificates by client. */
const CLIENTS: Readonly<Record<string, string>> = {
  tenant: "client-a",
  admin: "client-admin",
  stranger: "gateway",
  "other-ca": "other/client-a",
};

/** The promises of a limits service with {@linkcode SMALL_LIMITS}, and control of it. */
export function limitsFeature(
  limits: Limits,
  life: AbortSignal,
): LimitsFeature {
  const charges = (tenant: string) =>
    limits.journal.entries().filter(({ outcome, subject }) =>
      outcome === "charged" && subject.tenant === tenant
    );
  return {
    tokens: TOKENS,
    cheapModel: CHEAP_MODEL,
    sessionRequests: SESSION_REQUESTS,
    async charged(tenant, count) {
      await limits.journal.waitFor(() => charges(tenant).length >= count, {
        signal: life,
        deadlineMs: CHARGE_MS,
        what: `charge ${count} of ${tenant}`,
      });
      return charges(tenant).map(({ charge }) => charge?.tokens ?? 0);
    },
    decisions: (session) =>
      limits.journal.entries().filter(({ subject }) => subject.session === session).length,
    close: () => limits.close(),
    reopen: () => limits.reopen(),
    hold: () => limits.hold(),
  };
}

/** The issuer's keys as they are served, counted, and sometimes broken. */
export function watchedKeys(issuer: Issuer, issuerFile: string, life: AbortSignal) {
  const asked = new Journal<number>({ limit: 10_000 });
  let count = 0;
  type Mode = Parameters<TokensFeature["keys"]>[0];
  let mode = "as they are" as Mode;
  const answers: Record<Mode, () => Response | Promise<Response>> = {
    "as they are": keySetOf({ issuerFile }),
    "an error": () => new Response("no", { status: 500 }),
    "nonsense": () => new Response("<html>"),
  };
  const feature: TokensFeature = {
    sign: (claims, ttlS = 600) => issuer.sign(claims as Parameters<Issuer["sign"]>[0], ttlS),
    rotate: () => issuer.rotate(),
    keys: (answer) => mode = answer,
    async keysKnown() {
      const before = count;
      const learnt = asked.waitFor((number) => number >= before + ROUNDS * ASKING, {
        signal: life,
        deadlineMs: KEYS_MS,
      });
      // Who never asks does not know them, and a token says so.
      await learnt.catch(() => {});
    },
  };
  const answer = async () => {
    const response = await answers[mode]();
    asked.append(++count);
    return response;
  };
  return { answer, feature };
}

/** Where the certificates of a gateway are. */
export interface CertificatePlace {
  /** Its ingress over TLS. */
  readonly url: string;
  /** The folder that it watches. */
  readonly folder: string;
  /** PEM of the CA. */
  readonly ca: string;
  readonly clients: ClientCertificates;
  /** How often it has refused a certificate; undefined where nobody can say. */
  readonly refused?: () => Promise<number>;
  readonly life: AbortSignal;
}

/** The certificates of a gateway that watches a folder, and their change. */
export function certificatesFeature(
  { url, folder, ca, clients, refused, life }: CertificatePlace,
): CertificatesFeature {
  return {
    url,
    ca,
    tenantName: `${TRUST_DOMAIN}tenant/a`,
    async client(name) {
      const file = `${folder}/${CLIENTS[name] ?? name}`;
      const [cert, key] = await Promise.all([
        Deno.readTextFile(`${file}.pem`),
        Deno.readTextFile(`${file}.key.pem`),
      ]);
      return { cert, key };
    },
    rotate: async () => void await prepareTlsFolder(folder, { renew: true, clients }),
    ...(refused !== undefined && {
      async corrupt() {
        const before = await refused();
        await Deno.writeTextFile(`${folder}/broken`, BROKEN);
        await Deno.rename(`${folder}/broken`, `${folder}/server.sds.yaml`);
        const done = new AbortController();
        const looking = AbortSignal.any([done.signal, life]);
        const noticed = (async () => {
          while (await refused() === before) await delay(LOOK_MS, looking);
        })();
        try {
          await withDeadline(noticed, CHARGE_MS, "Refusal of a broken certificate", life);
        } finally {
          done.abort();
        }
      },
    }),
  };
}

/** A secret whose PEM is none. */
const BROKEN = `resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: server
    tls_certificate:
      certificate_chain: { inline_string: "no certificate" }
      private_key: { inline_string: "no key" }
`;

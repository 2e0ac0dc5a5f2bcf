/** Cases on certificates of clients and servers. */
import { UnavailableError } from "../../service/mod.ts";
import type { Case } from "../case.ts";
import { shownSerial } from "../client/address.ts";
import { type Transcript, valuesOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { CertificatesFeature, HeaderList } from "../target.ts";
import { chunkText, DONE, STREAM_HEAD } from "./shapes.ts";

const TLS = "RFC 8446 section 4.4.2";
const XFCC = "Envoy HTTP connection manager: x-forwarded-client-cert";
const SDS = "Envoy secret discovery service";

function featureOf(t: CaseContext): CertificatesFeature {
  return t.target.certificates ?? t.notMeasured("The certificates are not ours");
}

/** A request over TLS with a client certificate and nothing else; undefined when there was no answer. */
async function ask(
  t: CaseContext,
  client: string | undefined,
  { name = client ?? "nobody", headers = [] }: { name?: string; headers?: HeaderList } = {},
): Promise<Transcript | undefined> {
  const part = t.fork(name);
  try {
    const connection = await part.connectTls(client);
    const exchange = await part.send(part.chat({ as: "nobody", headers }), connection);
    const transcript = await exchange.done();
    return transcript.head === undefined ? undefined : transcript;
  } catch (error) {
    // With TLS 1.3 a refusal comes with the handshake, or after it: both are one.
    if (error instanceof UnavailableError) return undefined;
    throw error;
  }
}

/** Certificates of clients and servers, and their change while the gateway runs. */
export const CERTIFICATE_CASES: readonly Case[] = [
  {
    id: "mtls.no-cert-refused",
    level: "must",
    control: "both",
    feature: "certificates_required",
    requirement: "Where certificates are required there is no handshake without a good one",
    source: TLS,
    async run(t) {
      t.equal("a tenant's", 200, (await ask(t, "tenant"))?.head?.status);
      for (const client of [undefined, "stranger", "other-ca"]) {
        t.equal(client ?? "none", undefined, (await ask(t, client))?.head?.status);
        const { length } = t.fork(client ?? "nobody").policy.checks();
        t.equal(`${client ?? "none"}: Check calls`, 0, length);
      }
    },
  },
  {
    id: "mtls.wrong-ca",
    level: "must",
    control: "both",
    feature: "certificates",
    requirement: "A certificate of another authority is refused, though none is asked for",
    source: TLS,
    async run(t) {
      t.equal("another authority's", undefined, (await ask(t, "other-ca"))?.head?.status);
      t.equal("a tenant's", 200, (await ask(t, "tenant"))?.head?.status);
    },
  },
  {
    id: "mtls.wrong-san",
    level: "must",
    control: "both",
    feature: "certificates",
    requirement: "A certificate of the same authority that is no client's opens nothing",
    source: TLS,
    async run(t) {
      const answer = await ask(t, "stranger");
      if (answer !== undefined) t.equal("status", 403, answer.head?.status);
      t.equal("Check calls", 0, t.fork("stranger").policy.checks().length);
      t.equal("requests at the upstream", 0, t.fork("stranger").upstream.requests().length);
      t.equal("a tenant's", 200, (await ask(t, "tenant"))?.head?.status);
    },
  },
  {
    id: "mtls.san-to-policy",
    level: "must",
    control: "both",
    feature: "certificates",
    requirement: "The name in a client's certificate reaches policy, and decides",
    source: "Envoy attribute_context.proto: source.principal",
    async run(t) {
      const { tenantName } = featureOf(t);
      t.equal("status", 200, (await ask(t, "tenant"))?.head?.status);
      t.equal("principal", tenantName, (await t.fork("tenant").policy.check()).principal);
      t.equal("without one", 401, (await ask(t, undefined))?.head?.status);
    },
  },
  {
    id: "mtls.xfcc-spoof",
    level: "must",
    control: "both",
    feature: "certificates",
    requirement: "What a client says about its certificate is replaced by what it has shown",
    source: XFCC,
    async run(t) {
      const { tenantName } = featureOf(t);
      const headers: HeaderList = [["x-forwarded-client-cert", "URI=spiffe://forged/admin"]];
      await ask(t, "tenant", { headers });
      const { headers: seen } = await t.fork("tenant").upstream.request();
      const [value = "", ...more] = valuesOf(seen, "x-forwarded-client-cert");
      t.that("the shown one", value.endsWith(`URI=${tenantName}`), tenantName, value);
      t.equal("more", [], more);
      const plain = t.fork("plain");
      await plain.ask({ headers });
      const without = await plain.upstream.request();
      t.equal("without TLS", [], valuesOf(without.headers, "x-forwarded-client-cert"));
    },
  },
  {
    id: "mtls.upstream-client-cert",
    level: "must",
    control: "policy",
    feature: "certificates_upstream",
    requirement: "An upstream that asks for a certificate is shown the gateway's own",
    source: "Envoy UpstreamTlsContext: tls_certificate_sds_secret_configs",
    async run(t) {
      const { upstreamClients = [] } = t.target;
      const before = upstreamClients.length;
      t.equal("status", 200, (await t.ask()).head?.status);
      t.equal("requests at the upstream", before + 1, upstreamClients.length);
      const name = upstreamClients.at(-1) ?? "";
      t.that("the gateway's name", /gateway/.test(name), "a name of its own", name);
    },
  },
  {
    id: "mtls.upstream-verified",
    level: "must",
    control: "policy",
    feature: "certificates_upstream_unknown",
    requirement: "An upstream of an authority that is not known gets no request: 503",
    source: "Envoy CertificateValidationContext: trusted_ca",
    async run(t) {
      t.excuse("agree.something-passes", "mtls.upstream-client-cert is the same with a known one");
      const { head } = await t.ask();
      t.equal("status", 503, head?.status);
      t.equal("requests at the upstream", 0, t.target.upstreamClients?.length);
    },
  },
  {
    id: "mtls.rotate-live",
    level: "must",
    control: "both",
    feature: "certificates",
    requirement: "A new certificate is shown to new connections, and no running stream notices",
    source: SDS,
    exclusive: true,
    async run(t) {
      const { url, ca, rotate } = featureOf(t);
      t.upstream.script(
        STREAM_HEAD,
        { write: chunkText("a") },
        { barrier: "go" },
        { write: DONE },
        { end: true },
      );
      const connection = await t.connectTls();
      const exchange = await t.send(t.chat({ stream: true }), connection);
      await exchange.event(0);
      const before = await shownSerial(url, { ca });
      await rotate();
      let after = await shownSerial(url, { ca });
      for (let attempt = 0; after === before && attempt < 500; attempt++) {
        after = await shownSerial(url, { ca });
      }
      t.that("the certificate", after !== before, "another one", after);
      t.upstream.release("go");
      t.equal("end of the stream", "complete", (await exchange.ended()).kind);
    },
  },
  {
    id: "mtls.rotate-broken-keeps",
    level: "should",
    control: "both",
    feature: "certificates",
    requirement: "A broken certificate changes nothing",
    source: SDS,
    exclusive: true,
    async run(t) {
      const { url, ca, rotate, corrupt } = featureOf(t);
      if (corrupt === undefined) {
        return t.notMeasured("Nobody can say when this gateway has looked at it");
      }
      const before = await shownSerial(url, { ca });
      try {
        await corrupt();
        t.equal("the certificate", before, await shownSerial(url, { ca }));
        t.equal("a request", 200, (await ask(t, "tenant"))?.head?.status);
      } finally {
        await rotate();
      }
    },
  },
];

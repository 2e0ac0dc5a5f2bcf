/**
 * A development CA and a development issuer of tokens: what the edge profile needs to show mTLS and
 * JWT without anybody's infrastructure. Not for production: whoever reads the folder is the CA.
 *
 * ```ts
 * import { openIssuer, prepareTlsFolder } from "../certs/mod.ts";
 *
 * const { ca } = await prepareTlsFolder("./tls"); // server, clients, gateway, upstream
 * const issuer = await openIssuer("./tls/issuer.json");
 * const token = await issuer.sign({ sub: "me", tenant: "a", roles: "admin" }, 3600);
 * ```
 *
 * @module
 */
export {
  type AlternativeName,
  type CertificateOptions,
  issueCertificate,
  type KeyPair,
} from "./certificate.ts";
export { type Claim, DEV_ISSUER, type Issuer, openIssuer } from "./issuer.ts";
export { certificateSecret, rootsSecret } from "./sds.ts";
export {
  type ClientCertificates,
  prepareTlsFolder,
  type TlsFolder,
  type TlsFolderOptions,
  TRUST_DOMAIN,
} from "./tls_folder.ts";

/** Keys and certificates of the check-only configurations. */
import { bundledConfig } from "./config_file.ts";
import key from "./configs/check/jwt_key.json" with { type: "json" };
import { valuesAt } from "./tree.ts";

/** Private key (JSON Web Key, ES256) of the tokens that `check/jwt.yaml` takes. It protects nothing. */
export const CHECK_JWT_KEY: Readonly<Record<string, string>> = key;

/** Issuer, audience and header of the tokens that `check/jwt.yaml` takes. */
export const CHECK_JWT = {
  issuer: "https://issuer.test",
  audience: "llmgate",
  header: "x-jwt",
} as const;

/** Returns the certificate of the listener of `check/tls.yaml`, PEM: its own root. */
export function checkTlsCertificate(): string {
  const [certificate] = valuesAt(
    bundledConfig("check/tls").bootstrap,
    "static_resources/listeners/*/filter_chains/*/transport_socket/typed_config" +
      "/common_tls_context/tls_certificates/*/certificate_chain/inline_string",
  );
  return String(certificate);
}

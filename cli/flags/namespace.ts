/** Names of Kubernetes namespaces, as flags give them. */
import { UsageError } from "../../service/mod.ts";

/** DNS labels (RFC 1123). */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Checks the name of a namespace.
 *
 * @throws {UsageError} when Kubernetes would not take it
 */
export function assertNamespace(name: string): void {
  if (DNS_LABEL.test(name)) return;
  throw new UsageError(
    `Cannot use the namespace "${name}": it must be lower-case letters, digits and dashes`,
  );
}

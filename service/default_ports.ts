/** The defaults of the contract; every one can be moved by its flag. */
export const DEFAULT_PORTS = {
  ingress: 8080,
  admin: 9901,
  policy: 9002,
  upstream: 9000,
  control: 9003,
  router: 50051,
  responses: 8081,
  extproc: 10000,
  limits: 9004,
  tls: 8443,
  transform: 9005,
  tap: 9006,
  adapter: 9010,
  otlp: 4317,
  otlpHttp: 4318,
  xds: 18000,
} as const;

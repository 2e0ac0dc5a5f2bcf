// The same for `import`.
import testing from "./index.cjs";

export const { startUpstream, startPolicy, startGateway } = testing;

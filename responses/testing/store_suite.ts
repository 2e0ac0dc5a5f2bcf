/** Tests of every database behind `Store`: one set, run on each. */
import { CONVERSATION_TESTS } from "./store/conversation_tests.ts";
import type { StoreTest } from "./store/harness.ts";
import { RESOURCE_TESTS } from "./store/resource_tests.ts";
import { RESPONSE_TESTS } from "./store/response_tests.ts";
import { VECTOR_STORE_TESTS } from "./store/vector_store_tests.ts";

export { openTestStore, type TestClock } from "./store/harness.ts";

export const STORE_TESTS: readonly StoreTest[] = [
  ...RESPONSE_TESTS,
  ...CONVERSATION_TESTS,
  ...RESOURCE_TESTS,
  ...VECTOR_STORE_TESTS,
];

// Keeps requests in the data regions that the plugin's configuration lists ("eu,us"): a request that names another one
// in x-data-region is refused, one that names none gets the first. Proxy-Wasm ABI 0.2.1, without an SDK.

@external("env", "proxy_get_buffer_bytes")
declare function getBuffer(kind: u32, start: u32, size: u32, at: usize, length: usize): u32;
@external("env", "proxy_get_header_map_value")
declare function getHeader(map: u32, name: usize, nameLength: usize, at: usize, length: usize): u32;
@external("env", "proxy_replace_header_map_value")
declare function setHeader(map: u32, name: usize, nameLength: usize, value: usize, valueLength: usize): u32;
@external("env", "proxy_send_local_response")
declare function respond(
  status: u32,
  details: usize,
  detailsLength: usize,
  body: usize,
  bodyLength: usize,
  headers: usize,
  headersLength: usize,
  grpcStatus: i32,
): u32;

const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const OK: u32 = 0;
const HEADER = "x-data-region";
const FORBIDDEN =
  '{"error":{"message":"This region is not served here","type":"invalid_request_error","param":null,"code":"region_not_allowed"}}';

let regions: string[] = [];
/** The region of each request that runs, for its answer. */
const regionOf = new Map<u32, string>();

// Out-parameters of host calls: a pointer and a length, in memory that proxy_on_memory_allocate gave out.
const at = memory.data(4);
const length = memory.data(4);

/** The text that the host has handed over. Its memory is freed: it would be lost once for each header that is read. */
function handedOver(): string {
  const text = String.UTF8.decodeUnsafe(load<u32>(at), load<u32>(length));
  heap.free(load<u32>(at));
  return text;
}

function set(map: u32, value: string): void {
  const name = String.UTF8.encode(HEADER);
  const bytes = String.UTF8.encode(value);
  setHeader(map, changetype<usize>(name), name.byteLength, changetype<usize>(bytes), bytes.byteLength);
}

/** Header pairs as the host reads them: a count, the lengths, then names and values, each with a zero behind it. */
function oneHeader(name: string, value: string): ArrayBuffer {
  const size = 12 + name.length + value.length + 2;
  const pairs = new ArrayBuffer(size);
  const start = changetype<usize>(pairs);
  store<u32>(start, 1);
  store<u32>(start + 4, name.length);
  store<u32>(start + 8, value.length);
  String.UTF8.encodeUnsafe(changetype<usize>(name), name.length, start + 12);
  String.UTF8.encodeUnsafe(changetype<usize>(value), value.length, start + 13 + name.length);
  return pairs;
}

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: usize): usize {
  return heap.alloc(size);
}

export function proxy_on_context_create(_context: u32, _parent: u32): void {}

export function proxy_on_vm_start(_root: u32, _size: u32): u32 {
  return 1;
}

/** False without a region: Envoy then refuses every request, as its failure_policy says. */
export function proxy_on_configure(_root: u32, size: u32): u32 {
  if (size == 0 || getBuffer(PLUGIN_CONFIGURATION, 0, size, at, length) != OK) return 0;
  regions = handedOver().split(",");
  for (let index = 0; index < regions.length; index++) {
    regions[index] = regions[index].trim();
    if (regions[index].length == 0) return 0;
  }
  return 1;
}

export function proxy_on_request_headers(context: u32, _count: u32, _end: u32): u32 {
  const name = String.UTF8.encode(HEADER);
  const found = getHeader(REQUEST, changetype<usize>(name), name.byteLength, at, length) == OK;
  const region = found ? handedOver() : regions[0];
  if (!regions.includes(region)) {
    const body = String.UTF8.encode(FORBIDDEN);
    const details = String.UTF8.encode("region_not_allowed");
    const headers = oneHeader("content-type", "application/json");
    respond(
      403,
      changetype<usize>(details),
      details.byteLength,
      changetype<usize>(body),
      body.byteLength,
      changetype<usize>(headers),
      headers.byteLength,
      -1,
    );
    return STOP;
  }
  if (!found) set(REQUEST, region);
  regionOf.set(context, region);
  return CONTINUE;
}

// No body callbacks: what is not exported is not called, and streams pass untouched.
export function proxy_on_response_headers(context: u32, _count: u32, _end: u32): u32 {
  if (regionOf.has(context)) set(RESPONSE, regionOf.get(context));
  return CONTINUE;
}

export function proxy_on_done(_context: u32): u32 {
  return 1;
}

export function proxy_on_delete(context: u32): void {
  regionOf.delete(context);
  // The minimal runtime collects when it is told to.
  __collect();
}

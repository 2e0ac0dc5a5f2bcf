//! A dynamic module for Envoy, against its C ABI and without an SDK: a request that asks for more tokens than its
//! configuration allows (x-token-budget) is refused.
//!
//! It runs in Envoy's process. A panic that left a hook would end Envoy, and with it every stream of everybody: each
//! hook catches its own, and the request at which it happened is refused.
#![crate_type = "cdylib"]

use std::ffi::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Text of the module or of Envoy.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    at: *const c_char,
    length: usize,
}

#[repr(C)]
pub struct Header {
    name: Text,
    value: Text,
}

type Envoy = *mut c_void;

extern "C" {
    fn envoy_dynamic_module_callback_http_get_header(
        envoy: Envoy,
        kind: u32,
        name: Text,
        value: *mut Text,
        index: usize,
        count: *mut usize,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_send_response(
        envoy: Envoy,
        status: u32,
        headers: *mut Header,
        count: usize,
        body: Text,
        details: Text,
    );
}

const REQUEST_HEADERS: u32 = 0;
const CONTINUE: u32 = 0;
const STOP: u32 = 1;

const TOO_MUCH: &str = r#"{"error":{"message":"More tokens than one request may have","type":"invalid_request_error","param":null,"code":"token_budget_exceeded"}}"#;
const FAILED: &str = r#"{"error":{"message":"An extension of the gateway failed, so the request was refused","type":"extension_error","param":null,"code":"extension_failed"}}"#;

fn text(of: &'static str) -> Text {
    Text { at: of.as_ptr().cast(), length: of.len() }
}

/// # Safety
/// `of` must be a text that Envoy has handed over, and that lives as long as the hook runs.
unsafe fn read<'a>(of: Text) -> &'a str {
    if of.length == 0 {
        return "";
    }
    std::str::from_utf8(std::slice::from_raw_parts(of.at.cast(), of.length)).expect("UTF-8")
}

fn refuse(envoy: Envoy, status: u32, body: &'static str, details: &'static str) -> u32 {
    let mut headers = [Header { name: text("content-type"), value: text("application/json") }];
    unsafe {
        envoy_dynamic_module_callback_http_send_response(
            envoy, status, headers.as_mut_ptr(), headers.len(), text(body), text(details),
        );
    }
    STOP
}

/// Decides on a request; panics at what it does not understand, on purpose of the example.
unsafe fn decide(envoy: Envoy, most: u64) -> u32 {
    let mut value = Text { at: std::ptr::null(), length: 0 };
    let mut count = 0;
    let found = envoy_dynamic_module_callback_http_get_header(
        envoy, REQUEST_HEADERS, text("x-token-budget"), &mut value, 0, &mut count,
    );
    if !found {
        return CONTINUE;
    }
    let budget: u64 = read(value).parse().expect("a number");
    if budget > most {
        return refuse(envoy, 403, TOO_MUCH, "token_budget_exceeded");
    }
    CONTINUE
}

/// The version of the ABI that this is written against. Envoy says so in its log when its own is another.
#[no_mangle]
pub extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    c"v0.1.0".as_ptr()
}

/// Null for a configuration that is no number: Envoy then does not start.
#[no_mangle]
pub extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _envoy: Envoy, _name: Text, config: Text,
) -> *const c_void {
    let parsed = catch_unwind(AssertUnwindSafe(|| unsafe { read(config) }.trim().parse::<u64>()));
    match parsed {
        Ok(Ok(most)) => Box::into_raw(Box::new(most)) as *const c_void,
        _ => std::ptr::null(),
    }
}

#[no_mangle]
pub extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *const c_void) {
    drop(unsafe { Box::from_raw(config as *mut u64) });
}

/// A filter is its configuration: nothing is kept about a request.
#[no_mangle]
pub extern "C" fn envoy_dynamic_module_on_http_filter_new(config: *const c_void, _envoy: Envoy) -> *const c_void {
    config
}

#[no_mangle]
pub extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: Envoy, filter: *const c_void, _end: bool,
) -> u32 {
    let most = unsafe { *(filter as *const u64) };
    catch_unwind(AssertUnwindSafe(|| unsafe { decide(envoy, most) }))
        .unwrap_or_else(|_| refuse(envoy, 503, FAILED, "extension_failed"))
}

/// Envoy names the hook that it misses, one at a time, and does not start: all must be there.
macro_rules! passes {
    ($($name:ident)*) => { $(
        #[no_mangle]
        pub extern "C" fn $name(_envoy: Envoy, _filter: *const c_void, _end: bool) -> u32 { CONTINUE }
    )* };
}
macro_rules! unheard {
    ($($name:ident)*) => { $( #[no_mangle] pub extern "C" fn $name() {} )* };
}

passes! {
    envoy_dynamic_module_on_http_filter_request_body
    envoy_dynamic_module_on_http_filter_request_trailers
    envoy_dynamic_module_on_http_filter_response_headers
    envoy_dynamic_module_on_http_filter_response_body
    envoy_dynamic_module_on_http_filter_response_trailers
}
unheard! {
    envoy_dynamic_module_on_http_filter_destroy
    envoy_dynamic_module_on_http_filter_stream_complete
    envoy_dynamic_module_on_http_filter_http_callout_done
    envoy_dynamic_module_on_http_filter_http_stream_headers
    envoy_dynamic_module_on_http_filter_http_stream_data
    envoy_dynamic_module_on_http_filter_http_stream_trailers
    envoy_dynamic_module_on_http_filter_http_stream_complete
    envoy_dynamic_module_on_http_filter_http_stream_reset
    envoy_dynamic_module_on_http_filter_scheduled
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark
}

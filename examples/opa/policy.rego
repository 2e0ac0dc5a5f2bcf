# Who may ask which model. The engine hands in what Envoy says of a request (CheckRequest, as JSON); `answer` is its
# decision.
package llm.authz

keys := {
	"demo-key": {"tenant": "acme", "models": ["gpt-4o-mini", "mock-small"]},
	"other-key": {"tenant": "globex", "models": ["mock-small"]},
}

request := input.attributes.request.http

key := request.headers["x-api-key"]

key := trim_prefix(request.headers.authorization, "Bearer ") if {
	not request.headers["x-api-key"]
}

default answer := {"allow": false, "status": 403, "code": "invalid_api_key", "message": "This key is not known."}

answer := {"allow": false, "status": 401, "code": "missing_api_key", "message": "A key is needed."} if {
	not key
}

answer := {"allow": true, "headers": {"x-tenant": keys[key].tenant}} if {
	keys[key]
}

// An ext_authz engine in the manner of Authorino: one configuration per host with the phases authentication,
// authorization and response. A refusal tells its reason in x-ext-auth-reason, an unknown host is 404, and what was found
// out about the caller goes on as headers and as dynamic metadata. Authorino itself needs a Kubernetes API; the answers
// are alike.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"slices"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	envoytype "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// identity is what the keys of the configuration say of a caller.
type identity map[string]string

type authConfig struct {
	Hosts          []string
	Authentication struct {
		APIKey struct {
			Header, Realm string
			Keys          map[string]identity
		}
	}
	Authorization struct{ Patterns []pattern }
	Response      struct {
		Success struct {
			Headers, DynamicMetadata map[string]string
		}
		Unauthorized struct {
			Code    int32
			Message string
		}
	}
}

// pattern compares one thing that is known of the caller.
type pattern struct{ Selector, Operator, Value string }

func (p pattern) fits(caller identity) bool {
	switch p.Operator {
	case "eq":
		return caller[p.Selector] == p.Value
	case "neq":
		return caller[p.Selector] != p.Value
	default:
		return false
	}
}

type engine struct {
	auth.UnimplementedAuthorizationServer
	config authConfig
}

// Check runs the phases in their order; the first that refuses answers.
func (e *engine) Check(_ context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	http := request.GetAttributes().GetRequest().GetHttp()
	host, _, _ := strings.Cut(http.GetHost(), ":")
	if !slices.Contains(e.config.Hosts, "*") && !slices.Contains(e.config.Hosts, host) {
		return denied(codes.NotFound, 404, "Service not found", nil), nil
	}
	keys := e.config.Authentication.APIKey
	caller, known := keys.Keys[http.GetHeaders()[keys.Header]]
	if !known {
		reason := "the API Key provided is invalid"
		if http.GetHeaders()[keys.Header] == "" {
			reason = "credential not found"
		}
		realm := map[string]string{"www-authenticate": `APIKEY realm="` + keys.Realm + `"`}
		return denied(codes.Unauthenticated, 401, reason, realm), nil
	}
	for _, pattern := range e.config.Authorization.Patterns {
		if !pattern.fits(caller) {
			refusal := e.config.Response.Unauthorized
			return denied(codes.PermissionDenied, refusal.Code, refusal.Message, nil), nil
		}
	}
	return e.allowed(caller)
}

func (e *engine) allowed(caller identity) (*auth.CheckResponse, error) {
	said := e.config.Response.Success
	metadata := map[string]any{}
	for name, selector := range said.DynamicMetadata {
		metadata[name] = caller[selector]
	}
	fields, err := structpb.NewStruct(metadata)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	for name, selector := range said.Headers {
		headers[name] = caller[selector]
	}
	return &auth.CheckResponse{
		Status:          &status.Status{Code: int32(codes.OK)},
		HttpResponse:    &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{Headers: options(headers)}},
		DynamicMetadata: fields,
	}, nil
}

// denied returns a refusal without a body: the reason stands in a header.
func denied(code codes.Code, http int32, reason string, more map[string]string) *auth.CheckResponse {
	headers := map[string]string{"x-ext-auth-reason": reason}
	for name, value := range more {
		headers[name] = value
	}
	return &auth.CheckResponse{
		Status: &status.Status{Code: int32(code), Message: reason},
		HttpResponse: &auth.CheckResponse_DeniedResponse{DeniedResponse: &auth.DeniedHttpResponse{
			Status:  &envoytype.HttpStatus{Code: envoytype.StatusCode(http)},
			Headers: options(headers),
		}},
	}
}

// options returns headers that replace those of the same name.
func options(headers map[string]string) []*core.HeaderValueOption {
	var list []*core.HeaderValueOption
	for name, value := range headers {
		list = append(list, &core.HeaderValueOption{
			Header:       &core.HeaderValue{Key: name, Value: value},
			AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return list
}

func main() {
	addr := flag.String("addr", "127.0.0.1:9191", "host:port to listen on")
	file := flag.String("config", "authconfig.json", "the configuration")
	flag.Parse()
	text, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	served := &engine{}
	if err := json.Unmarshal(text, &served.config); err != nil {
		log.Fatalf("%s: %v", *file, err)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	auth.RegisterAuthorizationServer(server, served)
	healthpb.RegisterHealthServer(server, health.NewServer())
	log.Printf("listening on %s", listener.Addr())
	log.Fatal(server.Serve(listener))
}

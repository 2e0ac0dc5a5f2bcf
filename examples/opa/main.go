// An ext_authz engine for Envoy whose decisions are OPA's: the Rego policy is compiled once, and asked for each request.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	envoytype "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/open-policy-agent/opa/v1/rego"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// answer is what data.llm.authz.answer says.
type answer struct {
	Allow   bool              `json:"allow"`
	Headers map[string]string `json:"headers"`
	Status  int32             `json:"status"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
}

type engine struct {
	auth.UnimplementedAuthorizationServer
	query rego.PreparedEvalQuery
}

// Check decides one request. An error of the policy is an error of the call, so that Envoy refuses.
func (e *engine) Check(ctx context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	said, err := e.decide(ctx, request)
	if err != nil {
		return nil, err
	}
	if said.Allow {
		return &auth.CheckResponse{
			Status:       &status.Status{Code: int32(codes.OK)},
			HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{Headers: options(said.Headers)}},
		}, nil
	}
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"message": said.Message, "type": "policy_error", "param": nil, "code": said.Code,
	}})
	if err != nil {
		return nil, err
	}
	return &auth.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &auth.CheckResponse_DeniedResponse{DeniedResponse: &auth.DeniedHttpResponse{
			Status:  &envoytype.HttpStatus{Code: envoytype.StatusCode(said.Status)},
			Headers: options(map[string]string{"content-type": "application/json"}),
			Body:    string(body),
		}},
	}, nil
}

func (e *engine) decide(ctx context.Context, request *auth.CheckRequest) (*answer, error) {
	text, err := protojson.Marshal(request)
	if err != nil {
		return nil, err
	}
	var input any
	if err := json.Unmarshal(text, &input); err != nil {
		return nil, err
	}
	results, err := e.query.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return nil, err
	}
	if len(results) == 0 || len(results[0].Expressions) == 0 {
		return nil, fmt.Errorf("the policy has no answer")
	}
	text, err = json.Marshal(results[0].Expressions[0].Value)
	if err != nil {
		return nil, err
	}
	said := &answer{}
	return said, json.Unmarshal(text, said)
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
	file := flag.String("policy", "policy.rego", "the Rego policy")
	flag.Parse()
	text, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	query, err := rego.New(rego.Query("data.llm.authz.answer"), rego.Module(*file, string(text))).
		PrepareForEval(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	auth.RegisterAuthorizationServer(server, &engine{query: query})
	healthpb.RegisterHealthServer(server, health.NewServer())
	log.Printf("listening on %s", listener.Addr())
	log.Fatal(server.Serve(listener))
}

// The same minimum as the model router, in Go: reads the model from the request's body, looks it up
// in a table, and names the next host in turn in dynamic metadata. With -serve it is the model
// server behind every side of the comparison, so that what is behind costs each of them the same.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	envoytype "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

const answer = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-3.5-turbo",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`

type processor struct {
	extproc.UnimplementedExternalProcessorServer
	routes map[string]string
	hosts  []string
	turn   atomic.Uint64
}

// refusal answers in place of a host.
func refusal(status envoytype.StatusCode, code string) *extproc.ProcessingResponse {
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": code, "code": code}})
	return &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extproc.ImmediateResponse{
			Status: &envoytype.HttpStatus{Code: status}, Body: body,
		},
	}}
}

// decide names a host for the body, or refuses it.
func (p *processor) decide(path string, body []byte) *extproc.ProcessingResponse {
	var request struct {
		Model string `json:"model"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return refusal(envoytype.StatusCode_BadRequest, "invalid_json")
	}
	prefix, known := p.routes[request.Model]
	if !known {
		return refusal(envoytype.StatusCode_NotFound, "model_not_found")
	}
	if !strings.HasPrefix(path, prefix) {
		return refusal(envoytype.StatusCode_BadRequest, "path_not_served")
	}
	host := p.hosts[p.turn.Add(1)%uint64(len(p.hosts))]
	metadata, err := structpb.NewStruct(map[string]any{
		"envoy.lb": map[string]any{"x-gateway-destination-endpoint": host},
	})
	if err != nil {
		return refusal(envoytype.StatusCode_InternalServerError, "metadata")
	}
	return &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_RequestBody{
			RequestBody: &extproc.BodyResponse{Response: &extproc.CommonResponse{}},
		},
		DynamicMetadata: metadata,
	}
}

func (p *processor) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	path := ""
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var response *extproc.ProcessingResponse
		switch phase := message.Request.(type) {
		case *extproc.ProcessingRequest_RequestHeaders:
			for _, header := range phase.RequestHeaders.GetHeaders().GetHeaders() {
				if header.Key == ":path" {
					path = string(header.RawValue) + header.Value
				}
			}
			response = &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_RequestHeaders{
				RequestHeaders: &extproc.HeadersResponse{},
			}}
		case *extproc.ProcessingRequest_RequestBody:
			response = p.decide(path, phase.RequestBody.GetBody())
		case *extproc.ProcessingRequest_ResponseTrailers:
			response = &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_ResponseTrailers{
				ResponseTrailers: &extproc.TrailersResponse{},
			}}
		default:
			response = &extproc.ProcessingResponse{}
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

// backend answers a chat as JSON, or with `x-events: N` as that many events, each flushed.
func backend(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	events := 0
	if text := r.Header.Get("x-events"); text != "" {
		json.Unmarshal([]byte(text), &events)
	}
	if events == 0 {
		w.Header().Set("content-type", "application/json")
		io.WriteString(w, answer)
		return
	}
	w.Header().Set("content-type", "text/event-stream")
	flusher := w.(http.Flusher)
	for ; events > 0; events-- {
		io.WriteString(w, "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"token \"}}]}\n\n")
		flusher.Flush()
	}
	io.WriteString(w, "data: [DONE]\n\n")
}

func main() {
	addr := flag.String("addr", "127.0.0.1:50051", "where to listen")
	hosts := flag.String("hosts", "", "HOST:PORT of the model servers, by commas")
	serve := flag.Bool("serve", false, "be a model server instead")
	flag.Parse()
	if *serve {
		log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(backend)))
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	extproc.RegisterExternalProcessorServer(server, &processor{
		routes: map[string]string{
			"gpt-3.5-turbo":    "/v1/chat",
			"text-davinci-003": "/v1/completions",
		},
		hosts: strings.Split(*hosts, ","),
	})
	log.Fatal(server.Serve(listener))
}

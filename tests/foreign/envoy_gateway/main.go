// Command decode reads YAML documents from standard input, each into the Go type of its kind, and refuses what the type
// does not have. It prints the kinds, one a line.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	gwapiv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"gateway.networking.k8s.io/v1 GatewayClass":           func() any { return &gwapiv1.GatewayClass{} },
	"gateway.networking.k8s.io/v1 Gateway":                func() any { return &gwapiv1.Gateway{} },
	"gateway.networking.k8s.io/v1 HTTPRoute":              func() any { return &gwapiv1.HTTPRoute{} },
	"gateway.envoyproxy.io/v1alpha1 Backend":              func() any { return &egv1a1.Backend{} },
	"gateway.envoyproxy.io/v1alpha1 BackendTrafficPolicy": func() any { return &egv1a1.BackendTrafficPolicy{} },
	"gateway.envoyproxy.io/v1alpha1 ClientTrafficPolicy":  func() any { return &egv1a1.ClientTrafficPolicy{} },
	"gateway.envoyproxy.io/v1alpha1 EnvoyExtensionPolicy": func() any { return &egv1a1.EnvoyExtensionPolicy{} },
	"gateway.envoyproxy.io/v1alpha1 HTTPRouteFilter":      func() any { return &egv1a1.HTTPRouteFilter{} },
	"gateway.envoyproxy.io/v1alpha1 SecurityPolicy":       func() any { return &egv1a1.SecurityPolicy{} },
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			return err
		}
		name := head.APIVersion + " " + head.Kind
		empty, known := kinds[name]
		if !known {
			return fmt.Errorf("no type is known for %q", name)
		}
		if err := yaml.UnmarshalStrict(document, empty()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Println(head.Kind)
	}
	return nil
}

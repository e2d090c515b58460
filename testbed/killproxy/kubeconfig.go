package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// kubeconfig is the part of a kubeconfig that the proxy understands.
type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Contexts       []struct {
		Name    string      `json:"name"`
		Context contextSpec `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string      `json:"name"`
		Cluster clusterSpec `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string   `json:"name"`
		User userSpec `json:"user"`
	} `json:"users"`
}

type contextSpec struct {
	Cluster   string `json:"cluster"`
	User      string `json:"user"`
	Namespace string `json:"namespace"`
}

type clusterSpec struct {
	Server   string `json:"server"`
	CAFile   string `json:"certificate-authority"`
	CAData   []byte `json:"certificate-authority-data"`
	TLSName  string `json:"tls-server-name"`
	Insecure bool   `json:"insecure-skip-tls-verify"`
}

type userSpec struct {
	Token     string          `json:"token"`
	TokenFile string          `json:"tokenFile"`
	CertFile  string          `json:"client-certificate"`
	CertData  []byte          `json:"client-certificate-data"`
	KeyFile   string          `json:"client-key"`
	KeyData   []byte          `json:"client-key-data"`
	Username  string          `json:"username"`
	Exec      json.RawMessage `json:"exec"`
	Provider  json.RawMessage `json:"auth-provider"`
	// Impersonation stays with the client, which sends it as headers.
	As       string          `json:"as"`
	AsUID    string          `json:"as-uid"`
	AsGroups []string        `json:"as-groups"`
	AsExtra  json.RawMessage `json:"as-user-extra"`
}

// upstream is the API server behind the proxy and the way to it.
type upstream struct {
	context   string
	namespace string
	base      *url.URL
	token     string
	transport *http.Transport
	user      userSpec
}

// loadUpstream reads the kubeconfig; context "" means its current one.
func loadUpstream(path, context string) (*upstream, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var config kubeconfig
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("%s: the kubeconfig must be written as JSON, which every client reads as YAML too: %w", path, err)
	}
	up := &upstream{context: cmp.Or(context, config.CurrentContext)}
	cluster, err := up.pick(&config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if up.base, err = url.Parse(strings.TrimSuffix(cluster.Server, "/")); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	files := folder(filepath.Dir(path))
	if err := up.connect(cluster, files); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return up, nil
}

// pick finds the context and its user, and returns its cluster.
func (up *upstream) pick(config *kubeconfig) (clusterSpec, error) {
	var chosen *contextSpec
	for _, c := range config.Contexts {
		if c.Name == up.context {
			chosen = &c.Context
		}
	}
	if chosen == nil {
		return clusterSpec{}, fmt.Errorf("no context %q", up.context)
	}
	up.namespace = chosen.Namespace
	for _, u := range config.Users {
		if u.Name == chosen.User {
			up.user = u.User
		}
	}
	for _, c := range config.Clusters {
		if c.Name == chosen.Cluster {
			return c.Cluster, nil
		}
	}
	return clusterSpec{}, fmt.Errorf("no cluster %q", chosen.Cluster)
}

// connect builds the transport: TLS, and the token or the client certificate.
func (up *upstream) connect(cluster clusterSpec, files folder) error {
	user := up.user
	if user.Exec != nil || user.Provider != nil || user.Username != "" {
		return errors.New("only a token or a client certificate can be used, not exec, auth-provider or a password")
	}
	settings := &tls.Config{ServerName: cluster.TLSName, InsecureSkipVerify: cluster.Insecure}
	authority, err := files.read(cluster.CAData, cluster.CAFile)
	if err != nil {
		return err
	}
	if authority != nil {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(authority) {
			return errors.New("the certificate authority holds no certificate")
		}
	}
	certificate, err := files.read(user.CertData, user.CertFile)
	if err != nil {
		return err
	}
	key, err := files.read(user.KeyData, user.KeyFile)
	if err != nil {
		return err
	}
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return err
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	token, err := files.read(nil, user.TokenFile)
	if err != nil {
		return err
	}
	up.token = cmp.Or(user.Token, strings.TrimSpace(string(token)))
	// Compression stays between the client and the API server.
	up.transport = &http.Transport{TLSClientConfig: settings, DisableCompression: true, MaxIdleConnsPerHost: 64}
	return nil
}

// folder resolves a kubeconfig's relative paths.
type folder string

func (f folder) read(data []byte, path string) ([]byte, error) {
	if len(data) > 0 || path == "" {
		return data, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(string(f), path)
	}
	return os.ReadFile(path)
}

// writeKubeconfig writes the kubeconfig of the client: the one context, no
// credentials, and the proxy as server.
func (up *upstream) writeKubeconfig(path, server string) error {
	user := map[string]any{}
	if up.user.As != "" {
		user["as"] = up.user.As
		if up.user.AsUID != "" {
			user["as-uid"] = up.user.AsUID
		}
		if up.user.AsGroups != nil {
			user["as-groups"] = up.user.AsGroups
		}
		if up.user.AsExtra != nil {
			user["as-user-extra"] = up.user.AsExtra
		}
	}
	context := map[string]string{"cluster": "killproxy", "user": "killproxy"}
	if up.namespace != "" {
		context["namespace"] = up.namespace
	}
	text, err := json.MarshalIndent(map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": up.context,
		"contexts":        []any{map[string]any{"name": up.context, "context": context}},
		"clusters":        []any{map[string]any{"name": "killproxy", "cluster": map[string]string{"server": server}}},
		"users":           []any{map[string]any{"name": "killproxy", "user": user}},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// JSON is YAML, and can be read by programs that know no YAML, such as killproxy.
const kubeconfig = `{
  "apiVersion": "v1",
  "kind": "Config",
  "current-context": "bed",
  "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "admin"}}],
  "clusters": [{"name": "bed", "cluster": {"server": %q, "certificate-authority": %q}}],
  "users": [{"name": "admin", "user": {"token": %q}}]
}
`

// writeFiles writes keys, certificates, the token and the kubeconfig.
func (c *cluster) writeFiles(port int) error {
	if err := os.MkdirAll(c.path("logs"), 0o700); err != nil {
		return err
	}
	if err := c.writeCertificates(); err != nil {
		return err
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	c.ready.Token = hex.EncodeToString(random)
	c.ready.Server = fmt.Sprintf("https://127.0.0.1:%d", port)
	c.ready.CAFile = c.path("ca.crt")
	c.ready.Kubeconfig = c.path("kubeconfig")
	for name, text := range map[string]string{
		"tokens.csv": c.ready.Token + ",admin,admin,system:masters\n",
		"kubeconfig": fmt.Sprintf(kubeconfig, c.ready.Server, c.ready.CAFile, c.ready.Token),
	} {
		if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeCertificates makes an authority and a server certificate for the loopback address. The API server's own
// self-signed one is neither valid for it nor accepted by clients that want the two to be different.
func (c *cluster) writeCertificates() error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := certificate("bed authority", 1)
	authority.IsCA = true
	authority.BasicConstraintsValid = true
	authority.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	if err := c.sign("ca.crt", authority, authority, &authorityKey.PublicKey, authorityKey); err != nil {
		return err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	server := certificate("kube-apiserver", 2)
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	if err := c.sign("server.crt", server, authority, &serverKey.PublicKey, authorityKey); err != nil {
		return err
	}
	if err := c.writeKey("server.key", serverKey); err != nil {
		return err
	}
	accounts, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return c.writeKey("serviceaccount.key", accounts)
}

func certificate(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
	}
}

func (c *cluster) sign(name string, subject, issuer *x509.Certificate, public, key any) error {
	der, err := x509.CreateCertificate(rand.Reader, subject, issuer, public, key)
	if err != nil {
		return err
	}
	return c.writePEM(name, "CERTIFICATE", der)
}

func (c *cluster) writeKey(name string, key any) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return c.writePEM(name, "PRIVATE KEY", der)
}

func (c *cluster) writePEM(name, kind string, der []byte) error {
	var text strings.Builder
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	return os.WriteFile(c.path(name), []byte(text.String()), 0o600)
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
)

// Every way to log in of fixtures/access, and how each ends.
type variant struct {
	Name    string
	Server  string
	Client  clientOptions
	Outcome outcome
}

type clientOptions struct {
	User, Password, Token string
	Nkey, Creds, JWT      string
	CA, Certificate       string
	First                 bool
}

// Who the server says that a client is, or what became of it.
type outcome struct {
	User, Account, Error string
}

// How nats.go says that a server refuses it, and that there was no agreement on TLS: a server says little then.
var signs = []struct{ wanted, sign string }{
	{"authorization violation", "authorization violation"},
	{"tls", "tls"},
	{"tls", "x509"},
	{"tls", "eof"},
	{"tls", "timeout"},
	{"tls", "reset"},
	{"tls", "broken pipe"},
}

func fixture(parts ...string) string {
	return filepath.Join(append([]string{os.Getenv("FIXTURES")}, parts...)...)
}

func certificate(name string) string {
	return fixture("tls", name+".pem")
}

func (client clientOptions) options() ([]nats.Option, error) {
	all := []nats.Option{nats.Timeout(wait / 2), nats.NoReconnect()}
	if client.User != "" {
		all = append(all, nats.UserInfo(client.User, client.Password))
	}
	if client.Token != "" {
		all = append(all, nats.Token(client.Token))
	}
	if client.Nkey != "" {
		nkey, err := nats.NkeyOptionFromSeed(fixture("access", client.Nkey))
		if err != nil {
			return nil, err
		}
		all = append(all, nkey)
	}
	if client.Creds != "" {
		all = append(all, nats.UserCredentials(fixture("access", client.Creds)))
	}
	if client.JWT != "" {
		token, err := os.ReadFile(fixture("access", client.JWT))
		if err != nil {
			return nil, err
		}
		all = append(all, nats.UserJWT(
			func() (string, error) { return strings.TrimSpace(string(token)), nil },
			func([]byte) ([]byte, error) { return nil, nil },
		))
	}
	if client.CA != "" {
		all = append(all, nats.RootCAs(certificate(client.CA)))
	}
	if client.Certificate != "" {
		all = append(all, nats.ClientCert(certificate(client.Certificate), certificate(client.Certificate+"-key")))
	}
	if client.First {
		all = append(all, nats.TLSHandshakeFirst())
	}
	return all, nil
}

func (one variant) logIn(ports map[string]int) (outcome, error) {
	options, err := one.Client.options()
	if err != nil {
		return outcome{}, err
	}
	client, err := nats.Connect(fmt.Sprintf("nats://localhost:%d", ports[one.Server]), options...)
	if err != nil {
		said := strings.ToLower(err.Error())
		for _, sign := range signs {
			if strings.Contains(said, sign.sign) {
				return outcome{Error: sign.wanted}, nil
			}
		}
		return outcome{Error: said}, nil
	}
	defer client.Close()
	if _, err := client.Request("echo", nil, wait); !errors.Is(err, nats.ErrNoResponders) {
		return outcome{}, err
	}
	answer, err := client.Request("$SYS.REQ.USER.INFO", nil, wait)
	if err != nil {
		return outcome{}, err
	}
	var info struct{ Data outcome }
	return info.Data, json.Unmarshal(answer.Data, &info)
}

func accessChecks() ([]check, error) {
	text, err := os.ReadFile(fixture("access", "variants.json"))
	if err != nil {
		return nil, err
	}
	var table struct{ Variants []variant }
	var ports map[string]int
	if err := errors.Join(
		json.Unmarshal(text, &table),
		json.Unmarshal([]byte(os.Getenv("ACCESS_PORTS")), &ports),
	); err != nil {
		return nil, err
	}
	var all []check
	for _, one := range table.Variants {
		all = append(all, check{"access, " + one.Name, func() error {
			got, err := one.logIn(ports)
			return errors.Join(err, expect("outcome", got, one.Outcome))
		}})
	}
	return all, nil
}

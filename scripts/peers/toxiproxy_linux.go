package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// addLatency asks the proxy, by its HTTP interface on the server host's
// loopback, to delay both directions. It waits for the proxy to be up.
func (p pair) addLatency(delay time.Duration) error {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return p.server.Dial(ctx, network, address)
		},
	}}
	for _, stream := range []string{"upstream", "downstream"} {
		body := fmt.Sprintf(`{"type":"latency","stream":%q,"attributes":{"latency":%d}}`, stream, delay.Milliseconds())
		if err := post(client, "http://127.0.0.1:8474/proxies/tcp/toxics", body); err != nil {
			return fmt.Errorf("toxiproxy: %w", err)
		}
	}
	return nil
}

func post(c *http.Client, url, body string) error {
	const tries = 100
	var err error
	for range tries {
		var r *http.Response
		if r, err = c.Post(url, "application/json", strings.NewReader(body)); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s: %s", url, r.Status)
		}
		time.Sleep(50 * time.Millisecond) // it has no other way to say that it is up
	}
	return err
}

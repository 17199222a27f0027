// A small shop to break and to heal: one binary with three roles.
//
//	web     answers customers and asks the api for the price list
//	api     serves the price list
//	worker  asks the api at an interval, as a batch job would
//
// Settings (environment): ROLE, PORT, VERSION, API_URL, and for trials
// FAIL=crash (exit 1 after FAIL_AFTER, default 1s), FAIL=unready (never ready),
// START_DELAY=45s (listens, but is alive and ready only then).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

type settings struct {
	role, port, version, apiURL, fail string
	failAfter, startDelay             time.Duration
}

func main() {
	if err := run(read()); err != nil {
		log.Fatalf("shop: %v", err)
	}
}

func read() settings {
	return settings{
		role:       text("ROLE", "web"),
		port:       text("PORT", "8080"),
		version:    text("VERSION", "1"),
		apiURL:     text("API_URL", "http://api"),
		fail:       text("FAIL", ""),
		failAfter:  span("FAIL_AFTER", time.Second),
		startDelay: span("START_DELAY", 0),
	}
}

func run(s settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log.Printf("shop %s version %s starts", s.role, s.version)
	if s.fail == "crash" {
		time.AfterFunc(s.failAfter, func() {
			log.Printf("shop: FATAL: configuration of version %s is broken", s.version)
			os.Exit(1)
		})
	}
	started := time.Now()
	up := func() bool { return time.Since(started) >= s.startDelay }
	server := &http.Server{Addr: ":" + s.port, Handler: s.routes(ctx, up), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		// Customers in flight are answered; a second is plenty for a page of prices.
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return server.Shutdown(last)
	}
}

func (s settings) routes(ctx context.Context, up func() bool) http.Handler {
	polled := &atomic.Int64{}
	if s.role == "worker" {
		go s.poll(ctx, polled)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, up(), "healthy") })
	routes.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, up() && s.fail != "unready", "ready")
	})
	routes.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"role": s.role, "version": s.version}
		switch s.role {
		case "web":
			prices, err := s.ask(r.Context())
			if err != nil {
				page["error"] = err.Error()
				reply(w, http.StatusBadGateway, page)
				return
			}
			page["api"] = prices
		case "api":
			page["prices"] = map[string]int{"bread": 3, "milk": 1}
		case "worker":
			page["polled"] = polled.Load()
		}
		reply(w, http.StatusOK, page)
	})
	return routes
}

func (s settings) poll(ctx context.Context, polled *atomic.Int64) {
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := s.ask(ctx); err != nil {
				log.Printf("shop: %v", err)
				continue
			}
			polled.Add(1)
		}
	}
}

func (s settings) ask(ctx context.Context) (json.RawMessage, error) {
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, s.apiURL, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("api does not answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New("api answers " + response.Status)
	}
	return body, err
}

func answer(w http.ResponseWriter, ok bool, word string) {
	if ok {
		fmt.Fprintln(w, word)
		return
	}
	http.Error(w, "not "+word, http.StatusServiceUnavailable)
}

func reply(w http.ResponseWriter, code int, page map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(page)
}

func text(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func span(name string, otherwise time.Duration) time.Duration {
	value := os.Getenv(name)
	if value == "" {
		return otherwise
	}
	parsed, err := time.ParseDuration(value)
	if err != nil {
		log.Fatalf("shop: %s=%q: write a duration such as 45s", name, value)
	}
	return parsed
}

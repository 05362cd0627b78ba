package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server shows a campaign on two servers on 127.0.0.1, ports of the system's choice. Set
// the fields before Start.
type Server struct {
	Campaign *Campaign
	First    int              // posts at start, as if written over the hours before
	Every    time.Duration    // pace of further posts; 0: only by Grow
	Most     int              // posts in all that come by themselves
	Now      func() time.Time // nil: time.Now

	servers  [2]*http.Server
	addrs    [2]string
	stop     context.CancelFunc
	running  sync.WaitGroup
	failures [2]error
}

// URLs says where the campaign is.
type URLs struct {
	Mastodon string // the server's root, without a slash at its end; see Tag
	Feed     string // the feed itself
}

// Start publishes the first posts (about 40 ms each), serves, and returns. Both servers
// end with ctx or by Close.
func (s *Server) Start(ctx context.Context) error {
	if s.Now == nil {
		s.Now = time.Now
	}
	for i := range s.First {
		s.Campaign.Grow(1, s.Now().Add(-time.Duration(s.First-i)*7*time.Minute))
	}
	var listeners [2]net.Listener
	for i := range listeners {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			if i > 0 {
				err = errors.Join(err, listeners[0].Close())
			}
			return fmt.Errorf("start demo: %w", err)
		}
		listeners[i] = l
		s.addrs[i] = l.Addr().String()
	}
	ctx, s.stop = context.WithCancel(ctx)
	for i, handler := range []http.Handler{mastodonHandler(&s.Campaign.mastodon), feedHandler(&s.Campaign.feed)} {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		s.servers[i] = server
		context.AfterFunc(ctx, func() { server.Close() })
		s.running.Go(func() { s.failures[i] = server.Serve(listeners[i]) })
	}
	if s.Every > 0 {
		s.running.Go(func() { s.publish(ctx) })
	}
	return nil
}

// publish adds a post at each tick.
func (s *Server) publish(ctx context.Context) {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for s.Campaign.Count() < s.Most {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Grow(1)
		}
	}
}

// Grow publishes n more posts now.
func (s *Server) Grow(n int) { s.Campaign.Grow(n, s.Now()) }

// URLs returns the addresses, after Start.
func (s *Server) URLs() URLs {
	return URLs{Mastodon: "http://" + s.addrs[0], Feed: "http://" + s.addrs[1] + "/feed.xml"}
}

// Close ends both servers and waits for them.
func (s *Server) Close() error {
	s.stop()
	s.running.Wait()
	var err error
	for _, failure := range s.failures {
		if !errors.Is(failure, http.ErrServerClosed) {
			err = errors.Join(err, failure)
		}
	}
	return err
}

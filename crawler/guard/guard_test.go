package guard_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"xunqin/crawler/guard"
)

func TestSpecialAddressesAreRefused(t *testing.T) {
	for _, s := range strings.Fields(`
		0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254
		169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1
		192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
		224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
		:: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 100::1 5f00::1
		::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::8.8.8.8
		64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 64:ff9b:1:7f00:0:100::
		2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:2::1 2001:10::1 2001:20::1 2001:1::1 2001:db8::1
		2002:7f00:1::1 2002:a00:1::1 2002:808:808::1 2620:4f:8000::1 3fff::1
		2606:4700::5efe:127.0.0.1 2606:4700::200:5efe:10.0.0.1 2606:4700::5efe:169.254.169.254
	`) {
		addr := netip.MustParseAddr(s)
		for _, port := range []uint16{80, 443} {
			if err := new(guard.Dialer).Check(netip.AddrPortFrom(addr, port)); !errors.Is(err, guard.ErrRefused) {
				t.Errorf("%s port %d: got %v, want it refused", s, port, err)
			}
		}
		if addr.Zone() != "" {
			continue
		}
		_, err := new(guard.Dialer).DialContext(t.Context(), "tcp", netip.AddrPortFrom(addr, 80).String())
		if !errors.Is(err, guard.ErrRefused) {
			t.Errorf("dial %s: got %v, want it refused", s, err)
		}
	}
}

func TestPublicAddressesPass(t *testing.T) {
	for _, s := range strings.Fields(`
		1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
		169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.1 192.0.3.1 192.167.255.255 192.169.0.0
		198.17.255.255 198.20.0.0 198.51.99.255 203.0.112.255 203.0.114.0 223.255.255.255 ::ffff:8.8.8.8
		2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1 2003::1 2400:3200::1 2606:4700:4700::1111 2620:4f:8001::1 2a00:1450::1 3ffe::1
		2606:4700::5efe:8.8.8.8
	`) {
		if err := new(guard.Dialer).Check(netip.AddrPortFrom(netip.MustParseAddr(s), 443)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestOnlyNamedPortsAndNetworksAreOpened(t *testing.T) {
	d := &guard.Dialer{
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		AllowPorts: []uint16{8080},
	}
	for addr, ok := range map[string]bool{
		"127.0.0.1:80":          true,
		"127.0.0.1:8080":        true,
		"[::ffff:7f00:1]:8080":  true,
		"127.0.0.1:22":          false,
		"8.8.8.8:8080":          true,
		"8.8.8.8:25":            false,
		"10.0.0.1:80":           false,
		"[::1]:80":              false,
		"[2606:4700::1111]:22":  false,
		"[2606:4700::1111]:443": true,
	} {
		if err := d.Check(netip.MustParseAddrPort(addr)); (err == nil) != ok {
			t.Errorf("%s: got %v, want allowed %v", addr, err, ok)
		}
	}
}

func TestAddressesNoPersonMeansAreRefused(t *testing.T) {
	for raw, ok := range map[string]bool{
		"http://example.org/":               true,
		"https://example.org:8443/a?b=c":    true,
		"http://8.8.8.8/":                   true,
		"http://[2606:4700::1]/":            true,
		"http://3com.example/":              true,
		"http://xn--fsq.example/":           true,
		"http://2130706433/":                false,
		"http://017700000001/":              false,
		"http://0x7f000001/":                false,
		"http://0x7f.1/":                    false,
		"http://0177.0.0.1/":                false,
		"http://127.1/":                     false,
		"http://127.0.0.1./":                false,
		"http://0x/":                        false,
		"http://[fe80::1%25eth0]/":          false,
		"http://user@example.org/":          false,
		"http://user:secret@example.org/":   false,
		"ftp://example.org/":                false,
		"file:///etc/passwd":                false,
		"gopher://127.0.0.1:70/_x":          false,
		"javascript:alert(1)":               false,
		"http:///path":                      false,
		"http:example.org":                  false,
		"//example.org/":                    false,
		"/path":                             false,
		"data:image/png;base64,iVBORw0KGgo": false,
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := guard.CheckURL(u); (err == nil) != ok || err != nil && !errors.Is(err, guard.ErrRefused) {
			t.Errorf("%s: got %v, want allowed %v", raw, err, ok)
		}
	}
}

// TestNumbersAsHostsReachNothing dials the spellings that a resolver may take
// for 127.0.0.1, past CheckURL.
func TestNumbersAsHostsReachNothing(t *testing.T) {
	site, hits := listen(t)
	_, port, _ := net.SplitHostPort(site)
	d := &guard.Dialer{AllowPorts: []uint16{netip.MustParseAddrPort(site).Port()}, Resolver: resolver(t, func(int) []string { return nil })}
	for _, host := range []string{"2130706433", "017700000001", "0x7f000001", "127.1", "0177.0.0.1", "0x7f.0.0.1", "localhost"} {
		if c, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); err == nil {
			c.Close()
			t.Errorf("%s was dialled", host)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections reached loopback", n)
	}
}

func TestNameThatTurnsToLoopbackIsRefusedAtTheConnection(t *testing.T) {
	site, hits := listen(t)
	ap := netip.MustParseAddrPort(site)
	var turned atomic.Bool
	r := resolver(t, func(int) []string {
		if turned.Load() {
			return []string{"127.0.0.1"}
		}
		return []string{"127.0.0.2"}
	})
	// 127.0.0.2 stands for the public address the name shows first.
	d := &guard.Dialer{
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		AllowPorts: []uint16{ap.Port()},
		Resolver:   r,
	}
	addr := net.JoinHostPort("rebind.example", "80")
	if _, err := d.DialContext(t.Context(), "tcp", addr); errors.Is(err, guard.ErrRefused) {
		t.Fatalf("first answer: %v", err)
	}
	turned.Store(true)
	_, port, _ := net.SplitHostPort(site)
	_, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("rebind.example", port))
	if !errors.Is(err, guard.ErrRefused) {
		t.Errorf("second answer: got %v, want it refused", err)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections reached loopback", n)
	}
}

func TestEveryAnswerOfANameIsChecked(t *testing.T) {
	site, hits := listen(t)
	_, port, _ := net.SplitHostPort(site)
	d := &guard.Dialer{
		AllowPorts: []uint16{netip.MustParseAddrPort(site).Port()},
		Resolver:   resolver(t, func(int) []string { return []string{"10.0.0.1", "127.0.0.1", "169.254.169.254"} }),
	}
	if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("many.example", port)); !errors.Is(err, guard.ErrRefused) {
		t.Errorf("got %v, want it refused", err)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections reached loopback", n)
	}
}

func TestOtherNetworksAreRefused(t *testing.T) {
	for _, network := range []string{"udp", "unix", "ip4:icmp"} {
		if _, err := new(guard.Dialer).DialContext(t.Context(), network, "8.8.8.8:80"); !errors.Is(err, guard.ErrRefused) {
			t.Errorf("%s: got %v, want it refused", network, err)
		}
	}
}

func TestTransportIgnoresTheProxyOfTheEnvironment(t *testing.T) {
	proxy, hits := listen(t)
	t.Setenv("HTTP_PROXY", "http://"+proxy)
	t.Setenv("http_proxy", "http://"+proxy)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("direct")) }))
	defer site.Close()
	d := &guard.Dialer{
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		AllowPorts: []uint16{netip.MustParseAddrPort(site.Listener.Addr().String()).Port()},
	}
	tr := guard.Transport(d)
	if tr.Proxy != nil {
		t.Error("the transport has a proxy")
	}
	res, err := (&http.Client{Transport: tr}).Get(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections reached the proxy", n)
	}
}

func TestHeaderBeyondTheLimitIsAnError(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Filler", strings.Repeat("x", 128<<10))
	}))
	defer site.Close()
	d := &guard.Dialer{
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		AllowPorts: []uint16{netip.MustParseAddrPort(site.Listener.Addr().String()).Port()},
	}
	if res, err := (&http.Client{Transport: guard.Transport(d)}).Get(site.URL); err == nil {
		res.Body.Close()
		t.Error("a header of 128 KiB was accepted")
	}
}

// listen counts connections to a loopback port.
func listen(t *testing.T) (addr string, hits *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hits = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), hits
}

// resolver asks a name server on loopback that answers the n-th question for
// IPv4 addresses with answer(n).
func resolver(t *testing.T, answer func(n int) []string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for n := 0; ; {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buf[:size]) != nil || len(q.Questions) != 1 {
				continue
			}
			m := dnsmessage.Message{
				Header:    dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true, RecursionAvailable: true},
				Questions: q.Questions,
			}
			if q.Questions[0].Type == dnsmessage.TypeA {
				for _, a := range answer(n) {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
						Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
					})
				}
				if len(m.Answers) == 0 {
					m.RCode = dnsmessage.RCodeNameError
				}
				n++
			}
			if b, err := m.Pack(); err == nil {
				pc.WriteTo(b, from)
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
		},
	}
}

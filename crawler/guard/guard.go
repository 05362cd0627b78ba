// Package guard is the one door through which the program opens connections:
// crawler, mail, webhooks and every client of a service dial with a [Dialer].
//
// The check is made on the address that is about to be connected, after the
// name was resolved and for each connection anew, so a name that changes its
// answer between the check and the call gains nothing. What is refused:
// addresses in the IANA special-purpose registries, multicast, IPv6 outside
// 2000::/3, IPv6 that carries a refused IPv4 address, and every port but 80
// and 443. A configuration opens exceptions by network and by port; tests reach
// loopback in the same way.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrRefused is wrapped by every error that means "the guard does not go
// there". Trying again does not help.
var ErrRefused = errors.New("address refused")

// Dialer opens TCP connections to addresses that pass its check. The zero value
// reaches public addresses on ports 80 and 443. It must not be changed once in
// use.
type Dialer struct {
	AllowCIDRs []netip.Prefix // networks reached in spite of the registries
	AllowPorts []uint16       // ports beside 80 and 443, on every address
	Timeout    time.Duration  // for one connection; 0 is 10 s
	Resolver   *net.Resolver  // nil is the system's
}

// DialContext connects to addr ("host:port"), as in net.Dialer. When a name has
// several addresses those that are refused are passed over; if none is left the
// error wraps ErrRefused.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("dial %s: network %q: %w", addr, network, ErrRefused)
	}
	// An address written out is judged before a socket is made, so the answer
	// does not depend on what this machine can route.
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		if err := d.Check(ap); err != nil {
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
	}
	timeout := d.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	nd := net.Dialer{
		Timeout:  timeout,
		Resolver: d.Resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%q is no address: %w", address, ErrRefused)
			}
			return d.Check(ap)
		},
	}
	return nd.DialContext(ctx, network, addr)
}

// Check reports whether the dialer would connect to ap; the error wraps
// ErrRefused and says why not.
func (d *Dialer) Check(ap netip.AddrPort) error {
	if p := ap.Port(); p != 80 && p != 443 && !slices.Contains(d.AllowPorts, p) {
		return fmt.Errorf("port %d is not allowed: %w", p, ErrRefused)
	}
	addr := ap.Addr()
	if d.Allows(addr) {
		return nil
	}
	if why := special(addr); why != "" {
		return fmt.Errorf("%s is %s: %w", addr, why, ErrRefused)
	}
	return nil
}

// Allows reports whether addr lies in a network of AllowCIDRs.
func (d *Dialer) Allows(addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(d.AllowCIDRs, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Transport returns a transport for http and https that dials through d: no
// proxy, 64 KiB of header, 10 s to the header, few idle connections. Limits on
// bodies and whole answers are the caller's.
func Transport(d *Dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a proxy would see the name and dial for us, unchecked
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
	}
}

// CheckURL reports whether u is an absolute http or https address that a person
// could mean: no user info, a host, no number in place of an IPv4 address
// (decimal, octal, hexadecimal or short forms). It resolves nothing; the dialer
// judges where the name leads. The error wraps ErrRefused.
func CheckURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q is neither http nor https: %w", u.Scheme, ErrRefused)
	case u.User != nil:
		return fmt.Errorf("address with user info: %w", ErrRefused)
	case u.Opaque != "" || u.Hostname() == "":
		return fmt.Errorf("address without host: %w", ErrRefused)
	}
	host := u.Hostname()
	if strings.ContainsAny(host, "%") {
		return fmt.Errorf("address with a zone: %w", ErrRefused)
	}
	if _, err := netip.ParseAddr(host); err != nil && endsInNumber(host) {
		return fmt.Errorf("host is a number: %w", ErrRefused)
	}
	return nil
}

// endsInNumber is the test by which the URL standard decides that a host is
// meant as an IPv4 address (url.spec.whatwg.org, "ends in a number").
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return false
	}
	hex, isHex := strings.CutPrefix(strings.ToLower(last), "0x")
	if isHex {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

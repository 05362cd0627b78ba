package crawler

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// loopback gives the address of a host, with or without a port, that is
// written as a loopback address or is localhost (RFC 6761, 6.3). No other name
// is one: what it resolves to can change between two questions.
func loopback(host string) (netip.Addr, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	addr = addr.Unmap()
	return addr, addr.IsLoopback()
}

// origin is scheme, host and port in one spelling, the key of robots.txt.
func origin(u *url.URL) string {
	return strings.ToLower(u.Scheme) + "://" + hostPort(u)
}

// hostPort is the host as pace and origin know it: lower case, no default port.
func hostPort(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch {
	case strings.EqualFold(u.Scheme, "http"):
		host = strings.TrimSuffix(host, ":80")
	case strings.EqualFold(u.Scheme, "https"):
		host = strings.TrimSuffix(host, ":443")
	}
	return host
}

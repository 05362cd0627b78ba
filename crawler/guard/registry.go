package guard

import "net/netip"

// network is one line of the registries.
type network struct {
	prefix netip.Prefix
	name   string
}

// registry holds the IANA IPv4 and IPv6 special-purpose address registries
// (RFC 6890 and its updates, as of 2024) and multicast. Of IPv6 only what lies
// in 2000::/3 is listed: all else is refused whole. Lines that the registries
// call globally reachable are listed too (AS112, AMT, anycast of protocols):
// no site that people read lives there.
var registry = []network{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared address space"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.31.196.0/24"), "AS112"},
	{netip.MustParsePrefix("192.52.193.0/24"), "AMT"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("192.175.48.0/24"), "AS112"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},

	{netip.MustParsePrefix("2001::/23"), "protocol assignments, Teredo among them"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
	{netip.MustParsePrefix("2620:4f:8000::/48"), "AS112"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
}

var globalUnicast = netip.MustParsePrefix("2000::/3")

// special says why addr is no public address, or nothing if it is one.
func special(addr netip.Addr) string {
	if !addr.IsValid() {
		return "no address"
	}
	// ::ffff:a.b.c.d is dialled as a.b.c.d. The other forms that carry an
	// IPv4 address (compatible ::/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48,
	// 6to4, Teredo) are refused whole below.
	addr = addr.Unmap()
	if addr.Is6() && !globalUnicast.Contains(addr.WithZone("")) {
		return "outside the public IPv6 space"
	}
	for _, n := range registry {
		if n.prefix.Contains(addr) {
			return n.name
		}
	}
	if v4, ok := isatap(addr); ok {
		if why := special(v4); why != "" {
			return "ISATAP of an address that is " + why
		}
	}
	return ""
}

// isatap gives the IPv4 address of an interface identifier 0:5efe:a.b.c.d or
// 200:5efe:a.b.c.d (RFC 5214, 6.1), which any prefix may have.
func isatap(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	if (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}

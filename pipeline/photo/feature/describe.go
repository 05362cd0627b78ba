package feature

// halfPatch is the radius of the disc around a corner that says how it is turned, patternRadius that of the points compared.
const (
	halfPatch     = 15
	patternRadius = 13
	margin        = halfPatch + 1 // from the border of a level, see describe
)

// discs holds half the width of each row of the disc from its middle row on.
var disc = [halfPatch + 1]int{15, 15, 15, 15, 14, 14, 14, 13, 13, 12, 11, 10, 9, 8, 6, 3}

// turned returns where the centroid of brightness lies as seen from a pixel, in 256ths of a full turn from right to down.
func (p plane) turned(x, y int) uint8 {
	sx, sy := 0, 0
	for dy := -halfPatch; dy <= halfPatch; dy++ {
		half := disc[max(dy, -dy)]
		row, line := 0, 0
		for i, v := range p.row(y + dy)[x-half:][:2*half+1] {
			row += (i - half) * int(v)
			line += int(v)
		}
		sx += row
		sy += dy * line
	}
	return direction(sx, sy)
}

// direction returns the direction of a vector in 256ths of a full turn, rounded to the nearest.
func direction(x, y int) uint8 {
	ax, ay := max(x, -x), max(y, -y)
	long, short := max(ax, ay), min(ax, ay)
	a := 0
	for a < len(halfSteps) && short<<16 > long*halfSteps[a] {
		a++
	}
	if ay > ax {
		a = 64 - a
	}
	if x < 0 {
		a = 128 - a
	}
	if y < 0 {
		a = -a
	}
	return uint8(a)
}

// halfSteps holds the tangents of the directions between the steps of the first eighth turn, times 2^16.
var halfSteps = [32]int{
	804, 2414, 4026, 5644, 7268, 8901, 10545, 12202, 13874, 15564, 17273, 19005,
	20762, 22546, 24360, 26208, 28093, 30018, 31986, 34002, 36071, 38196, 40382, 42636,
	44963, 47369, 49863, 52451, 55144, 57950, 60880, 63947,
}

// cosine returns cos(a*pi/128) times 2^14, exactly symmetric.
func cosine(a uint8) int {
	switch {
	case a > 128:
		return cosine(-a)
	case a > 64:
		return -quarter[128-a]
	}
	return quarter[a]
}

func sine(a uint8) int { return cosine(a - 64) }

var quarter = [65]int{
	16384, 16379, 16364, 16340, 16305, 16261, 16207, 16143, 16069, 15986, 15893, 15791,
	15679, 15557, 15426, 15286, 15137, 14978, 14811, 14635, 14449, 14256, 14053, 13842,
	13623, 13395, 13160, 12916, 12665, 12406, 12140, 11866, 11585, 11297, 11003, 10702,
	10394, 10080, 9760, 9434, 9102, 8765, 8423, 8076, 7723, 7366, 7005, 6639,
	6270, 5897, 5520, 5139, 4756, 4370, 3981, 3590, 3196, 2801, 2404, 2006,
	1606, 1205, 804, 402, 0,
}

// describe returns the 256 signs of a site. The mirrored description is what the corner would have in the mirrored picture, where
// it would lie at 128-angle.
func (s *site) describe(mirrored bool) (d [32]byte) {
	s.compare(pattern[:], mirrored, d[:])
	return d
}

// compare sets the bits of those pairs of which the first point is the darker one. See describe for mirrored.
//
// A point turned by any angle lies within patternRadius + 1 of the corner, and its sum reaches two pixels farther: the margin
// covers it.
func (s *site) compare(pairs [][4]int8, mirrored bool, bits []byte) {
	cos, sin, flip := cosine(s.angle), sine(s.angle), 1
	if mirrored {
		// In the mirrored picture the pattern is turned by 128-angle; seen from this side its across goes backwards.
		cos, sin, flip = cosine(128-s.angle), sine(128-s.angle), -1
	}
	middle := s.y*s.w + s.x
	at := func(px, py int8) uint16 {
		dx := (int(px)*cos - int(py)*sin + 1<<13) >> 14
		dy := (int(px)*sin + int(py)*cos + 1<<13) >> 14
		return s.sums[middle+dy*s.w+flip*dx]
	}
	for i, q := range pairs {
		if at(q[0], q[1]) < at(q[2], q[3]) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
}

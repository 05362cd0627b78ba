// Package feature finds a photo again when it was cropped, turned, mirrored, drawn over, put into a poster, a collage or a
// screenshot, or photographed from a print: by local features, by the one geometry most of them agree on, and by comparing what
// the two pictures show where that geometry lays them over each other.
//
// Detect finds the features of a picture; Reference and Query prepare a picture for the two sides of a comparison; Compare
// compares. It looks at corners and at brightness and knows nothing of what is shown; nothing here looks for faces.
//
// The features follow Rublee, Rabaud, Konolige and Bradski, "ORB: an efficient alternative to SIFT or SURF" (ICCV 2011): FAST
// corners (Rosten and Drummond, 2006) on a pyramid, ranked by Harris' measure, turned by the intensity centroid, described by
// 256 comparisons that were learned from photos as theirs were. Detection is in integers and in a fixed order; the geometry is in
// floating point with every product rounded (see product), so that no machine fuses what another does. The same pictures give the
// same result everywhere.
package feature

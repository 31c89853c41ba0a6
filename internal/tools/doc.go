// Package tools runs the programs that tests hold rawlab against: tshark,
// tcpdump and others. Only tests import it.
//
// A program that is not there skips the test, unless RAWLAB_REQUIRE_TOOLS says
// that it has to be.
package tools

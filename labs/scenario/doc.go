// Package scenario reads labs that somebody wrote into a file, holds what they
// measured against what the file claims, and writes such files.
//
// A file is YAML of a fixed shape; everything but the lab and its runs may be
// left out:
//
//	lab: evening                   its name
//	from: loss                     a lab of the catalogue that it starts from, or:
//	runs:                          what runs side by side, each on a network of its own
//	  - transport: tcp             tcp or udp
//	  - transport: udp
//	    name: bursts               what sets it apart from others of its kind
//	    loss: gemodel 1% 10%       an option of its own
//	question, varies, held, expect: what a reader is told
//	hosts:   {backend: auto, own-hosts: false, ipv6: false, tcp-info: 100ms}
//	link:    {loss: 5%, delay: 10ms, to-server: WORDS, schedule: [3s, 1s down]}
//	traffic: {events: 1000, size: 128, pace: 500, reliability: ack, emitters: 3, subscribers: 4}
//	  topics:                      or several, with clients and options of their own
//	    - {topic: chat, emitters: 3, subscribers: 4, size: 64}
//	seed: 7
//	predict: {ask: QUESTION, unit: events, answer: udp.lost}
//	checks:
//	  - claim: UDP loses a tenth at most
//	    that: udp.lost <= 10% * udp.emitted
//	fail-on: [udp.lost>5%]         conditions of --fail-on, which must not come true
//	text: UDP lost {udp.lost} of {udp.emitted} events.
//
// Values of options are those of the command line and stay text here: who
// knows the options reads them, and an [Option] says where it stands. An
// expression has the measures of package measure (udp/ack.p99; with a % behind
// it as a share; of a topic udp/chat.lost, of its second subscriber
// udp/chat/2.lost), a lab's own "figures" between quotes, numbers, times, shares,
// + - * / and brackets; a check compares two or more by < <= > >= == !=.
//
// Every error of a file is an [*Error]: file, line, column, reason.
package scenario

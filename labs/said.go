package labs

import (
	"slices"
	"strconv"

	"rawlab/labs/wire"
)

// Word is an option as the command line has it.
type Word struct{ Name, Value string }

// Words returns what the options say, of those that the lab takes and that
// say anything, in the order in which it takes them. Read again they are the
// same options.
func (l *Lab) Words(o *Options) []Word {
	both := o.impairments()
	ways := map[string]*wire.Impairment{"up": &both[0], "down": &both[1]}
	sentences := slices.Contains(l.Takes, "up") && slices.Contains(l.Takes, "down") && !alike(&both)
	var list []Word
	for _, name := range l.Takes {
		value := ""
		switch i := ways[name]; {
		case i != nil:
			if sentences {
				value = "none " + i.String() // nothing of what the lab has otherwise
			}
		case inSentence[name]:
			if !sentences {
				value = l.wireWord(o, name)
			}
		case said[name] != nil:
			value = said[name](o)
		}
		if value != "" {
			list = append(list, Word{name, value})
		}
	}
	return list
}

// alike tells whether single words can say both ways' impairments.
func alike(both *[2]wire.Impairment) bool {
	i := &both[0]
	return i.String() == both[1].String() && !i.Down && !i.Timed() && len(i.Rules) == 0
}

// wireWord is what both ways have for a word; empty where neither they nor
// the lab have anything but nothing.
func (l *Lab) wireWord(o *Options, name string) string {
	var none wire.Impairment
	value := o.Impairment.Word(name)
	if value == none.Word(name) && value == l.Defaults.Impairment.Word(name) {
		return ""
	}
	return value
}

// Sayable reports whether Words knows the option.
func Sayable(name string) bool {
	return name == "up" || name == "down" || inSentence[name] || said[name] != nil
}

// inSentence are the options that the sentences of both ways have in them; a
// delay has its jitter and its distribution.
var inSentence = map[string]bool{
	"loss": true, "delay": true, "jitter": true, "distribution": true, "reorder": true, "duplicate": true, "corrupt": true,
	"rate": true, "queue": true, "aqm": true, "schedule": true, "rule": true,
}

// said are the other options; empty where one says nothing.
var said = map[string]func(*Options) string{
	"events":         func(o *Options) string { return strconv.Itoa(o.Events) },
	"emitters":       func(o *Options) string { return ifTrue(o.Emitters > 0, strconv.Itoa(o.Emitters)) },
	"subscribers":    func(o *Options) string { return ifTrue(o.Subscribers > 0, strconv.Itoa(o.Subscribers)) },
	"own-hosts":      func(o *Options) string { return ifTrue(o.OwnHosts, "true") },
	"size":           func(o *Options) string { return strconv.Itoa(o.Size) },
	"pace":           func(o *Options) string { return strconv.FormatFloat(o.Pace, 'g', -1, 64) },
	"seed":           func(o *Options) string { return strconv.FormatUint(o.Seed, 10) },
	"ipv6":           func(o *Options) string { return strconv.FormatBool(o.IPv6) },
	"reader-delay":   func(o *Options) string { return o.ReaderDelay.String() },
	"patience":       func(o *Options) string { return ifTrue(o.Patience > 0, o.Patience.String()) },
	"rcvbuf":         func(o *Options) string { return strconv.Itoa(o.ReceiveBuffer) },
	"reliability":    func(o *Options) string { return string(o.Reliability) },
	"congestion":     func(o *Options) string { return string(o.Congestion) },
	"cc":             func(o *Options) string { return o.TCPCongestion },
	"fragments":      func(o *Options) string { return string(o.Fragments) },
	"transport":      func(o *Options) string { return o.Transport },
	"tcp-info":       func(o *Options) string { return ifTrue(o.TCPInfo > 0, o.TCPInfo.String()) },
	"kernel-reasons": func(o *Options) string { return ifTrue(o.KernelReasons, "true") },
}

func ifTrue(b bool, s string) string {
	if b {
		return s
	}
	return ""
}

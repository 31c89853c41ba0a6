// Package testbed keeps kernel hosts and what joins them up for any program,
// until they are taken down: netem for people without root or netem. Two hosts
// are joined by a wire, more by a switch to which each has a link of its own.
//
// A testbed is a tree of processes in namespaces of its own:
//
//	init       the first of a process namespace: when it ends, however that
//	 │         comes, the kernel ends all the others
//	 └ keeper  holds the hosts, listens on the testbed's socket
//	    ├ wire, or switch
//	    └ programs, each in the network namespace of its host
//
// A socket in a folder that only its user may enter names the testbed. A
// request is one byte, with which descriptors may come, and then JSON; so are
// the answers. The programs get the descriptors, the environment and the
// working directory of whoever asked. A program that asks from a terminal
// gets a terminal of its own, which the asking process relays, so that job
// control works as it does in ssh.
//
// Nothing of it outlives init: no process, no namespace, no interface. A
// socket that stays behind after a kill is replaced by the next testbed of
// its name.
package testbed

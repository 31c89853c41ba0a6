// The page's data, and what every part of the script uses.

const data = JSON.parse(document.getElementById("data").textContent);

// unpack reads a column: [value, times] stands for equal values, a leading "+"
// says that each is the difference to the one before.
function unpack(column) {
	const out = [], differences = column[0] === "+";
	let last = 0;
	for (const item of differences ? column.slice(1) : column) {
		const [value, times] = Array.isArray(item) ? item : [item, 1];
		for (let i = 0; i < times; i++) out.push(differences ? last += value : value);
	}
	return out;
}

// el makes an element. Strings become text, never markup.
function el(name, attributes = {}, ...children) {
	return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
	for (const [key, value] of Object.entries(attributes)) {
		if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
		else if (value !== undefined && value !== false) node.setAttribute(key, value);
	}
	node.append(...children.flat());
	return node;
}

const byId = (id) => document.getElementById(id);

// say tells those who do not see the page what has changed.
const say = (text) => byId("status").textContent = text;

// table makes a table whose first column names each row.
function table(head, rows, attributes = {}) {
	return el("table", attributes,
		el("thead", {}, el("tr", {}, head.map((h) => el("th", { scope: "col" }, h)))),
		el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) => i ? el("td", {}, cell) : el("th", { scope: "row" }, cell))))));
}

// scroll lets what is wide be scrolled, by keyboard too.
const scroll = (label, ...children) => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, ...children);

function tall(label, ...children) {
	const box = scroll(label, ...children);
	box.classList.add("tall");
	return box;
}

const count = (n) => n.toLocaleString("en-US");

// span writes microseconds.
function span(us) {
	const size = Math.abs(us);
	if (size >= 1e7) return `${(us / 1e6).toFixed(2)} s`;
	if (size >= 1e3) return `${(us / 1e3).toFixed(size >= 1e5 ? 0 : size >= 1e4 ? 1 : 2)} ms`;
	return `${us} µs`;
}

// moment writes a time since the run's start, to the microsecond.
const moment = (us) => us >= 1e7 ? `${(us / 1e6).toFixed(6)} s` : `${(us / 1e3).toFixed(3)} ms`;

const runName = (run) => run.name.replace(/^(tcp|udp)\b/, (t) => t.toUpperCase());

// What the page does when it is opened, and what its buttons do.

const themes = ["as the system", "light", "dark"];
let theme = 0;

function setTheme(n) {
	theme = n;
	byId("theme").textContent = `theme: ${themes[n]}`;
	say(`theme: ${themes[n]}`);
	if (n) document.documentElement.dataset.theme = themes[n];
	else delete document.documentElement.dataset.theme;
	drawCharts();
}

byId("theme").addEventListener("click", () => setTheme((theme + 1) % themes.length));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(theme));

// Paper is white, and nothing on it can be opened. What stands there instead of
// a drawing, and packets that were closed, it does without.
let closed = [], before = 0;
addEventListener("beforeprint", () => {
	before = theme;
	paper = true;
	setTheme(1);
	closed = [...document.querySelectorAll("details:not([open], .alternative, .packet)")];
	closed.forEach((d) => d.open = true);
});
addEventListener("afterprint", () => {
	closed.forEach((d) => d.open = false);
	paper = false;
	setTheme(before);
});

let run, event;

function chooseRun(n) {
	run = data.runs[n];
	byId("run").value = n;
	byId("notable").replaceChildren(...run.notable.flatMap((pick, i) => {
		const row = open(run).at.get(pick.place);
		return [i ? ", " : "", el("button", { type: "button", class: "link", onclick: () => choose(eventAt(run, row)) }, `${eventAt(run, row).name} (${pick.why})`)];
	}));
	const pick = open(run).at.get(run.notable.at(-1)?.place) ?? 0;
	if (run.events.place.length > 1) choose(eventAt(run, pick));
	else byId("story").replaceChildren(el("p", {}, "No event was emitted in this run."));
	showLadder(run, 0);
}

function choose(e) {
	event = e;
	byId("number").value = e.name;
	showEvent(run, e);
}

function step(by, is = () => true) {
	const last = open(run).events.place.length - 1;
	for (let i = (event?.row ?? -1) + by; i >= 0 && i <= last; i += by) {
		const e = eventAt(run, i);
		if (is(e)) return choose(e);
	}
	byId("story").prepend(el("p", { class: "note" }, "There is no further one."));
}

function search(e) {
	e.preventDefault();
	const found = find(run, byId("number").value);
	if (found.event) return choose(found.event);
	byId("story").replaceChildren(el("p", { class: "note", role: "alert" }, found.error));
	byId("bytes").replaceChildren();
}

function nextLoss() {
	const { packets } = open(run), at = packets.findIndex((p, i) => i > ladderFrom + 3 && took(p));
	showLadder(run, at < 0 ? ladderFrom : at - 3);
}

if (byId("search")) {
	byId("run").append(...data.runs.map((r, i) => el("option", { value: i }, runName(r))));
	byId("run").addEventListener("change", () => chooseRun(Number(byId("run").value)));
	byId("search").addEventListener("submit", search);
	byId("previous").addEventListener("click", () => step(-1));
	byId("next").addEventListener("click", () => step(1));
	byId("next-lost").addEventListener("click", () => step(1, (e) => e.lost));
	byId("ladder-first").addEventListener("click", () => showLadder(run, 0));
	byId("ladder-back").addEventListener("click", () => showLadder(run, ladderFrom - perLadder));
	byId("ladder-on").addEventListener("click", () => showLadder(run, ladderFrom + perLadder));
	byId("ladder-event").addEventListener("click", () => {
		const first = open(run).packets.find((p) => event && carries(p, event.place));
		if (first) showLadder(run, first.row - 2);
	});
	byId("ladder-loss").addEventListener("click", nextLoss);
	chooseRun(0);
	new ResizeObserver(resizeCharts).observe(document.querySelector("main"));
}
setTheme(0);
document.documentElement.dataset.ready = "true";

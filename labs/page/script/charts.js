// Charts: uPlot draws them; each has a table that says the same.

// color resolves one of the style's colors as the current theme has it.
function color(name) {
	const probe = el("span");
	probe.style.color = `var(${name})`;
	document.body.append(probe);
	const value = getComputedStyle(probe).color;
	probe.remove();
	return value;
}

const plots = [];

const kinds = [
	{ id: "latency", x: "latency, ms", y: "share", log: true, write: (y) => `${(100 * y).toFixed(2)} %`, ticks: (u, at) => at.map((y) => `${Math.round(100 * y)} %`), range: [0, 1] },
	{ id: "delivered", x: "seconds", y: "events", write: count },
	{ id: "slowest", x: "emitted at, seconds", y: "latency, ms", write: (y) => `${y} ms`, gaps: true },
	{ id: "window", x: "seconds", y: "segments", write: count, gaps: true },
	{ id: "rtt", x: "seconds", y: "round trip, ms", write: (y) => `${y} ms`, gaps: true },
];

function drawCharts() {
	plots.splice(0).forEach((p) => p.destroy());
	for (const kind of kinds) {
		const figure = byId(`chart-${kind.id}`), chart = data.charts[kind.id];
		if (!figure) continue;
		figure.querySelector(".plot")?.remove();
		if (chart.lines.length === 0) {
			figure.hidden = true;
			continue;
		}
		const box = el("div", { class: "plot" });
		figure.querySelector("figcaption").after(box);
		plots.push(plot(kind, chart, box));
		if (!figure.querySelector("details")) figure.append(asTable(kind, chart));
	}
}

function plot(kind, chart, box) {
	const ink = color("--ink"), line = color("--line"), lines = [...new Set(chart.lines.map((l) => l.run))].length;
	const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
	const series = chart.lines.map((l, i) => ({
		label: runName(l), stroke: color(`--c${(perConnection(kind) ? i : l.run) % 8}`), width: 2, spanGaps: kind.gaps,
		dash: l.dashed ? [4, 4] : l.run >= 8 ? [10, 4] : undefined, show: !(l.dashed && lines > 3),
		value: (_, y) => y === null || y === undefined ? "–" : kind.write(y), points: { show: false },
	}));
	const u = new uPlot({
		width: width(box), height: 300,
		scales: { x: { time: false, distr: kind.log ? 3 : 1 }, y: kind.range ? { range: () => kind.range } : { range: (_, lo, hi) => [0, hi > 0 ? hi * 1.05 : 1] } },
		axes: [{ ...axis, label: kind.x }, { ...axis, label: kind.y, size: 70, values: kind.ticks }],
		series: [{ label: kind.x }, ...series], cursor: { drag: { x: true, y: false } },
	}, [chart.x, ...chart.lines.map((l) => l.y)], box);
	const canvas = box.querySelector("canvas");
	canvas.setAttribute("role", "img");
	canvas.setAttribute("aria-label", `${box.parentElement.querySelector("figcaption").textContent}. The table below says the same.`);
	for (const name of box.querySelectorAll(".u-series > th")) switchable(name);
	return u;
}

const perConnection = (kind) => kind.id === "window" || kind.id === "rtt";

// A sheet of A4 has room for so many pixels.
let paper = false;
const paperWidth = 660;
const width = (box) => paper ? paperWidth : Math.max(280, box.clientWidth - 16);

// switchable lets a line be switched off and on by keyboard too.
function switchable(name) {
	const pressed = () => name.setAttribute("aria-pressed", String(!name.parentElement.classList.contains("u-off")));
	name.tabIndex = 0;
	name.setAttribute("role", "button");
	pressed();
	name.addEventListener("click", () => queueMicrotask(pressed));
	name.addEventListener("keydown", (e) => {
		if (e.key !== "Enter" && e.key !== " ") return;
		e.preventDefault();
		name.click();
	});
}

// asTable says in some rows what the chart draws.
function asTable(kind, chart) {
	const rows = 21, every = Math.max(1, (chart.x.length - 1) / (rows - 1)), picked = [];
	for (let i = 0; i < rows && Math.round(i * every) < chart.x.length; i++) picked.push(Math.round(i * every));
	const cell = (l, at) => {
		for (let i = at; i > at - every && i >= 0; i--) if (l.y[i] !== null) return kind.write(l.y[i]);
		return "–";
	};
	return el("details", { class: "alternative" }, el("summary", {}, "as a table"), scroll(`${kind.y} by ${kind.x}`,
		table([kind.x, ...chart.lines.map(runName)], picked.map((at) => [String(chart.x[at]), ...chart.lines.map((l) => cell(l, at))]))));
}

function resizeCharts() {
	for (const p of plots) {
		const w = width(p.root.parentElement);
		if (w !== p.width) p.setSize({ width: w, height: 300 });
	}
}

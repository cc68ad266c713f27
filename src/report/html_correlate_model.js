/* The page of a correlation: its rows, and what is chosen, which the address holds after "#". */

const data = JSON.parse(document.getElementById('correlate-data').textContent);
const count = data.name.length;
const FOUND = 1;
const DOUBTFUL = 2;
const MECHANICAL = 4;
const LEVELS = '0123456789BCDFGHJKLMPQRSTVWXYZbcdfghjklmpqrstvwxyz';

/* Which row a series is in. */
const rowOf = new Map(data.series.map((series, row) => [series, row]));

/* −log10 q, as far as it can be drawn. */
const strength = data.q.map((q) => (q === null ? 0 : -Math.log10(Math.max(q, 1e-300))));

const DEFAULTS = { s: '', f: '', q: '', o: '', d: '', found: '', view: '' };
const state = {};
const listeners = [];

function readState() {
	const given = new URLSearchParams(window.location.hash.slice(1));
	Object.keys(DEFAULTS).forEach((key) => { state[key] = given.get(key) ?? DEFAULTS[key]; });
	if (!(Number(state.f) in data.families)) state.f = '';
	if (!rowOf.has(Number(state.s)) || state.s === '') state.s = count ? String(data.series[0]) : '';
}

/* Takes over what is new, keeps it in the address, and has everything drawn again. */
function change(what) {
	Object.assign(state, what);
	const kept = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
	window.history.replaceState(null, '', '#' + new URLSearchParams(kept));
	listeners.forEach((listener) => listener(what));
}

function select(row) {
	change({ s: String(data.series[row]) });
}

const selected = () => rowOf.get(Number(state.s)) ?? 0;
const is = (row, flag) => (data.flags[row] & flag) !== 0;

/* ---- words ---- */

const minus = (text) => text.replace('-', '\u2212');

function fixed(value, digits) {
	return value === null ? '\u2013' : minus(value.toFixed(digits));
}

function rText(row) {
	const digits = Math.abs(data.r[row]) >= 0.985 ? 3 : 2;
	return fixed(data.r[row], digits);
}

function interval(row) {
	if (data.low[row] === null || data.high[row] === null) return '';
	const digits = Math.abs(data.r[row]) >= 0.985 ? 3 : 2;
	return '[' + fixed(data.low[row], digits) + ', ' + fixed(data.high[row], digits) + ']';
}

function probability(p) {
	if (p === null) return '\u2013';
	if (p < 1e-300) return '<1e-300';
	if (p < 1e-4) return p.toExponential(0);
	return String(Number(p.toPrecision(2)));
}

function span(seconds) {
	const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's'], [0.001, 'ms']];
	const [size, name] = units.find((u) => Math.abs(seconds) >= u[0]) || units[4];
	return minus(String(Number((seconds / size).toPrecision(3)))) + ' ' + name;
}

const lead = (row) => (data.lag[row] ? span(data.lag[row] * data.step_s) : '');

function share(row) {
	const percent = 100 * data.r[row] * data.r[row];
	return percent >= 0.095 ? Number(percent.toPrecision(2)) + ' %' : '<0.1 %';
}


const short = (value) => minus(String(Number(value.toPrecision(3))));

/* ---- pieces of the page ---- */

function make(tag, className, ...content) {
	const e = document.createElement(tag);
	if (className) e.className = className;
	e.append(...content);
	return e;
}

const SVG = 'http://www.w3.org/2000/svg';

function draw(tag, attributes, ...content) {
	const e = document.createElementNS(SVG, tag);
	Object.entries(attributes).forEach(([key, value]) => e.setAttribute(key, value));
	e.append(...content);
	return e;
}

/* A course as a line in a box; nothing where none is kept. */
function courseLine(course, width, height) {
	const svg = draw('svg', { viewBox: '0 0 ' + width + ' ' + height, class: 'spark',
		preserveAspectRatio: 'none', 'aria-hidden': 'true' });
	if (!course) return svg;
	const points = course[0];
	let path = '';
	let down = false;
	for (let i = 0; points.length > i; i++) {
		const level = LEVELS.indexOf(points[i]);
		if (0 > level) {
			down = false;
			continue;
		}
		const x = points.length > 1 ? i * width / (points.length - 1) : 0;
		path += (down ? 'L' : 'M') + x.toFixed(1) + ' '
			+ (height - 1 - level / (LEVELS.length - 1) * (height - 2)).toFixed(1);
		down = true;
	}
	svg.append(draw('path', { d: path, class: 'line', 'vector-effect': 'non-scaling-stroke' }));
	return svg;
}

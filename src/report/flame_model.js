/*
 * The flame graph of a profile, or of two, in four parts that are one program: the model (this), the
 * page around it (flame_page.js), drawing (flame_draw.js), tables and source (flame_tables.js). What
 * is shown is held in one state, which the address's hash names, so that every view is a link. Trees
 * are made only as deep as they are drawn.
 */
const data = JSON.parse(document.getElementById('flame-data').textContent);
const home = document.getElementById('flame');
const DIFF = data.kind === 'diff';
const ROW = 18;
const CULL = 0.5;
const TABLE_ROWS = 200;

/* ---- the model ---- */

const nodes = data.nodes;
const functions = data.functions;
const N = nodes.up.length;
const parent = new Int32Array(N);
const first = new Int32Array(N);
const sibling = new Int32Array(N);
const fn = Int32Array.from(nodes.function);
const line = nodes.line ? Int32Array.from(nodes.line) : new Int32Array(N);
const KIND = {};
const moments = data.moments && data.moments.node.length ? data.moments : null;
const threads = [];
let processes = 0;

data.kinds.forEach((word, i) => { KIND[word] = i; });
for (let i = N - 1; i > 0; i--) {
	parent[i] = i - nodes.up[i];
	sibling[i] = first[parent[i]];
	first[parent[i]] = i;
}
for (let i = 0; i < N; i++) {
	if (kindOf(i) === KIND.process) processes++;
	if (kindOf(i) === KIND.thread) threads.push(i);
}

function kindOf(i) {
	return functions.kind[fn[i]];
}

function isFrame(kind) {
	return kind === KIND.python || kind === KIND.native || kind === KIND.mark;
}

const totals = {};

/* Of every node with all that is below it, by a clock or another column. */
function totalOf(column) {
	if (!totals[column]) {
		const sum = Float64Array.from(nodes[column]);
		for (let i = N - 1; i > 0; i--) sum[parent[i]] += sum[i];
		totals[column] = sum;
	}
	return totals[column];
}

/* Self and total by an id of each node (its function, its line); one that is in a stack twice
 * counts once. */
function tally(ids, count, clock) {
	const known = tallies.find((t) => t.ids === ids && t.clock === clock);
	if (known) return known.result;
	const result = tallyNow(ids, count, clock);
	if (tallies.length === 12) tallies.shift();
	tallies.push({ ids, clock, result });
	return result;
}

const tallies = [];

function tallyNow(ids, count, clock) {
	const weight = nodes[clock];
	const total = totalOf(clock);
	const result = { self: new Float64Array(count), total: new Float64Array(count) };
	const open = new Int32Array(count);
	let i = 0;

	for (;;) {
		const id = ids[i];
		if (id >= 0) {
			result.self[id] += weight[i];
			if (open[id]++ === 0) result.total[id] += total[i];
		}
		if (first[i]) {
			i = first[i];
			continue;
		}
		for (;;) {
			if (ids[i] >= 0) open[ids[i]]--;
			if (i === 0) return result;
			if (sibling[i]) break;
			i = parent[i];
		}
		i = sibling[i];
	}
}

function frameIds() {
	return Int32Array.from(fn, (f) => (isFrame(functions.kind[f]) ? f : -1));
}

/* ---- words ---- */

function percent(share) {
	const p = 100 * share;
	return (Math.abs(p) < 9.95 ? p.toFixed(1) : p.toFixed(0)) + '\u00a0%';
}

function points(change) {
	const p = 100 * change;
	return (p >= 0.05 ? '+' : p <= -0.05 ? '\u2212' : '') + Math.abs(p).toFixed(1);
}

function count(n) {
	return Math.round(n).toLocaleString('en');
}

function seconds(ns) {
	const units = [[1e9, 's'], [1e6, 'ms'], [1e3, '\u00b5s'], [1, 'ns']];
	const unit = units.find((u) => ns >= u[0]) || units[3];
	return (ns / unit[0]).toPrecision(3).replace(/e\+.*/, '') + '\u00a0' + unit[1];
}

/* Text that may be broken behind what joins its words; of a file, its folders. */
function breakable(text, isFile) {
	const parts = [];
	text.split(isFile ? /(?<=\/)/ : /(?<=[_.])/).forEach((part) => parts.push(part, make('wbr')));
	parts.pop();
	return parts;
}

function weigh(value, clock) {
	if (DIFF) return percent(value / 1e9);
	return clock === 'samples' ? count(value) : ns(value);
}

function ns(value) {
	return value >= 1e11 ? count(value / 1e9) + '\u00a0s' : value === 0 ? '0' : seconds(value);
}

function placeOf(f, at) {
	const brief = data.briefs[functions.file[f]];
	const where = at || functions.line[f];
	return brief === '' ? '' : brief + (where ? ':' + where : '');
}

/* 95 % interval of a share seen in n samples (Wilson 1927). */
function interval(share, n) {
	const z2 = 1.959964 * 1.959964;
	if (!(n > 0)) return [0, 1];
	const middle = (share + z2 / (2 * n)) / (1 + z2 / n);
	const half = Math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n);
	return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/* ---- the state, and the address that names it ---- */

const DEFAULTS = {
	clock: data.clock, group: 'all', view: 'icicle', order: 'weight', invert: '', lines: '', own: '',
	search: '', zoom: '', pick: '', from: '', to: '', table: 'functions', sort: 'self', up: '',
};
const state = {};

function readState() {
	const given = new URLSearchParams(location.hash.slice(1));
	Object.keys(DEFAULTS).forEach((key) => {
		state[key] = given.has(key) ? given.get(key) : DEFAULTS[key];
	});
	if (!data.clocks.includes(state.clock)) state.clock = data.clock;
	if (!['all', 'process', 'thread', 'task'].includes(state.group)) state.group = 'all';
	if (state.order !== 'time' || !moments) state.order = 'weight';
}

function writeState() {
	const out = new URLSearchParams();
	Object.keys(DEFAULTS).forEach((key) => {
		if (state[key] !== DEFAULTS[key]) out.set(key, state[key]);
	});
	const hash = out.toString();
	try {
		history.replaceState(null, '', hash ? '#' + hash : location.pathname + location.search);
	} catch (refused) {
		/* some viewers keep a page's address to themselves */
	}
}

/* What changes the tree makes places in the old one meaningless. */
function change(values) {
	const trees = ['group', 'invert', 'lines', 'own', 'order'];
	if (trees.some((key) => key in values && values[key] !== state[key])) state.zoom = '';
	Object.assign(state, values);
	writeState();
	update();
}

/* ---- the tree that is shown: made as deep as it is looked at ---- */

function isHidden(i) {
	const kind = kindOf(i);
	if (kind === KIND.process) return state.group === 'all' || state.group === 'task'
		|| (state.group === 'thread' && processes < 2);
	if (kind === KIND.thread) return state.group !== 'thread';
	if (kind === KIND.task) return state.group !== 'task';
	return state.own !== '' && functions.library[fn[i]] === 1;
}

function keyOf(i) {
	return state.lines !== '' && line[i] > 0 ? fn[i] + ':' + line[i] : String(fn[i]);
}

function makeNode(up, i) {
	return {
		up, key: up ? keyOf(i) : '', fn: fn[i], line: state.lines !== '' ? line[i] : 0,
		raw: [], from: null, total: 0, self: 0, kids: null, depth: up ? up.depth + 1 : 0,
	};
}

function kidOf(node, found, i) {
	const key = keyOf(i);
	let kid = found.get(key);
	if (!kid) {
		kid = makeNode(node, i);
		if (state.invert !== '') kid.from = [];
		found.set(key, kid);
	}
	kid.raw.push(i);
	return kid;
}

function calls(node, found) {
	const total = totalOf(state.clock);
	const todo = [];
	node.raw.forEach((r) => {
		for (let c = first[r]; c; c = sibling[c]) todo.push(c);
		while (todo.length) {
			const c = todo.pop();
			if (!isHidden(c)) kidOf(node, found, c).total += total[c];
			else for (let k = first[c]; k; k = sibling[k]) todo.push(k);
		}
	});
}

/* The nearest shown place above; 0: none. */
function above(i) {
	do i = parent[i]; while (i && isHidden(i));
	return i;
}

function callers(node, found) {
	const self = nodes[state.clock];
	/* from: the places whose time it is */
	const add = (i, from) => {
		const kid = kidOf(node, found, i);
		kid.from.push(from);
		kid.total += self[from];
	};

	if (!node.up) {
		for (let i = 1; i < N; i++) {
			const at = isHidden(i) ? above(i) : i;
			if (self[i] > 0 && at) add(at, i);
		}
		return;
	}
	node.raw.forEach((r, k) => {
		const at = above(r);
		if (at) add(at, node.from[k]);
	});
}

function kids(node) {
	if (!node.kids) {
		const found = new Map();
		(state.invert !== '' ? callers : calls)(node, found);
		node.kids = Array.from(found.values()).filter((k) => k.total > 0);
		node.kids.sort((a, b) => b.total - a.total || a.fn - b.fn);
		node.self = node.kids.reduce((left, k) => left - k.total, node.total);
	}
	return node.kids;
}

function makeRoot() {
	const root = makeNode(null, 0);
	root.raw.push(0);
	root.total = totalOf(state.clock)[0];
	return root;
}

function findZoom(root) {
	let node = root;
	for (const key of state.zoom === '' ? [] : state.zoom.split('.')) {
		const next = kids(node).find((k) => k.key === key);
		if (!next) break;
		node = next;
	}
	return node;
}

function pathOf(node) {
	const keys = [];
	for (; node.up; node = node.up) keys.unshift(node.key);
	return keys.join('.');
}

/* ---- search ---- */

let matches = null; /* of functions: 1 where it matches; null: nothing is looked for */
let matchWords = '';

function search() {
	matches = null;
	matchWords = '';
	if (state.search === '') return;
	let pattern;
	try {
		pattern = new RegExp(state.search, 'i');
	} catch (wrong) {
		matchWords = 'that is no regular expression yet';
		return;
	}
	matches = Uint8Array.from(functions.name, (name, f) =>
		(isFrame(functions.kind[f]) && pattern.test(name + ' ' + data.briefs[functions.file[f]]) ? 1 : 0));
	const self = nodes[state.clock];
	const within = new Uint8Array(N);
	let sum = 0;
	for (let i = 1; i < N; i++) {
		within[i] = within[parent[i]] | matches[fn[i]];
		if (within[i]) sum += self[i];
	}
	const found = matches.reduce((n, m) => n + m, 0);
	const all = totalOf(state.clock)[0];
	matchWords = percent(all > 0 ? sum / all : 0) + (DIFF ? '' : ' (' + weigh(sum, state.clock) + ')')
		+ ' in or below ' + count(found) + (found === 1 ? ' function' : ' functions');
}

(function () {
	'use strict';

	/* The flame graph of a profile, or of two: model, views, drawing, tables, source. What is shown is
	 * held in one state, which the address's hash names, so that every view is a link. Trees are made
	 * only as deep as they are drawn. */
	const data = JSON.parse(document.getElementById('flame-data').textContent);
	const home = document.getElementById('flame');
	const DIFF = data.kind === 'diff';
	const ROW = 18;
	const CULL = 0.5;
	const CLEAR = 2.58; /* standard errors: 1 % */
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

	/* Text that may be broken behind what joins its words. */
	function breakable(text) {
		const parts = [];
		text.split(/(?<=[_./])/).forEach((part) => parts.push(part, make('wbr')));
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
			raw: [], weight: null, total: 0, self: 0, kids: null, depth: up ? up.depth + 1 : 0,
		};
	}

	function kidOf(node, found, i) {
		const key = keyOf(i);
		let kid = found.get(key);
		if (!kid) {
			kid = makeNode(node, i);
			if (state.invert !== '') kid.weight = [];
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
		const add = (i, weight) => {
			const kid = kidOf(node, found, i);
			kid.weight.push(weight);
			kid.total += weight;
		};

		if (!node.up) {
			for (let i = 1; i < N; i++) {
				const at = isHidden(i) ? above(i) : i;
				if (self[i] > 0 && at) add(at, self[i]);
			}
			return;
		}
		node.raw.forEach((r, k) => {
			const at = above(r);
			if (at) add(at, node.weight[k]);
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

	/* ---- pieces of the page ---- */

	function make(tag, className, ...content) {
		const e = document.createElement(tag);
		if (className) e.className = className;
		e.append(...content);
		return e;
	}

	function button(text, title, act) {
		const b = make('button', '', text);
		b.type = 'button';
		b.title = title;
		b.addEventListener('click', act);
		return b;
	}

	const pressers = [];

	function toggle(key, text, title, on) {
		const b = button(text, title, () => change({ [key]: state[key] === on ? DEFAULTS[key] : on }));
		pressers.push(() => b.setAttribute('aria-pressed', String(state[key] === on)));
		return b;
	}

	const selects = [];

	function choose(key, label, options) {
		const select = make('select');
		options.forEach((o) => {
			const option = make('option', '', o[1]);
			option.value = o[0];
			select.append(option);
		});
		select.addEventListener('change', () => change({ [key]: select.value }));
		selects.push(() => { select.value = state[key]; });
		return make('label', '', label + ' ', select);
	}

	const CLOCK_NAMES = {
		wall: 'wall: time that passed', cpu: 'cpu: on a core', gil: 'gil: with the interpreter lock',
		samples: 'samples', after: 'after', before: 'before',
	};
	const bar = make('div', 'flame-bar');
	const box = make('input');
	const found = make('span', 'flame-found');
	const crumbs = make('nav', 'flame-crumbs');
	const scroll = make('div', 'flame-scroll');
	const space = make('div', 'flame-space');
	const canvas = make('canvas', '');
	const says = make('p', 'flame-says');
	const tip = make('div', 'flame-tip');
	const legend = make('p', 'legend');
	const below = make('div', 'flame-below');
	const tableBox = make('div', 'flame-table');
	const sourceBox = make('div', 'flame-source');
	const ink = canvas.getContext('2d');

	function build() {
		const used = data.clocks.filter((c) => totalOf(c)[0] > 0);
		box.type = 'search';
		box.placeholder = 'search: a regular expression';
		box.setAttribute('aria-label', 'search functions and files by a regular expression');
		box.addEventListener('input', () => change({ search: box.value }));
		found.setAttribute('role', 'status');
		crumbs.setAttribute('aria-label', 'where the graph is zoomed to');
		canvas.tabIndex = 0;
		canvas.setAttribute('role', 'img');
		canvas.setAttribute('aria-label', 'flame graph; arrows move, Enter zooms, Escape resets');
		tip.hidden = true;
		bar.append(choose('clock', DIFF ? 'width' : 'clock',
			(used.length ? used : [data.clock]).map((c) => [c, CLOCK_NAMES[c] || c])));
		if (threads.length > 1 || processes > 1) {
			const groups = [['all', 'merged'], ['process', 'by process'], ['thread', 'by thread']];
			if (functions.kind.includes(KIND.task)) groups.push(['task', 'by task']);
			bar.append(choose('group', 'stacks', groups));
		}
		if (moments) bar.append(choose('order', 'order', [['weight', 'largest first'], ['time', 'in time']]));
		bar.append(
			make('span', 'flame-set',
				toggle('view', 'flame', 'callers at the bottom', 'flame'),
				toggle('invert', 'callers', 'turn it round: what spends the time first, then who calls it', '1'),
				DIFF ? '' : toggle('lines', 'lines', 'a frame a line, not a function', '1'),
				toggle('own', 'program only', 'leave libraries out; their time is their caller\u2019s', '1')),
			box, found);
		space.append(canvas);
		scroll.append(space);
		below.append(tableBox, sourceBox);
		home.append(bar, crumbs, scroll, says, legend, below);
		document.body.append(tip);
		buildLegend();
	}

	function buildLegend() {
		const key = (name, text) => {
			const k = make('span', 'flame-key');
			k.dataset.colour = name;
			legend.append(make('span', 'keyed', k, text));
		};
		if (DIFF) {
			key('grew', 'grew');
			key('shrank', 'shrank');
			key('same', 'no more than noise (1 %)');
		} else {
			key('own', 'the program');
			key('library', 'libraries');
			if (functions.kind.includes(KIND.native)) key('native', 'machine code');
		}
		key('match', 'found');
		legend.append(make('span', 'flame-keys',
			'/ search \u00b7 click or Enter zooms \u00b7 Esc back \u00b7 arrows move'));
		if (data.booked) {
			legend.append(make('span', '', ' ' + count(data.booked)
				+ ' of the smallest places are drawn as part of their caller.'));
		}
	}

	/* ---- colours: of the page's style, light or dark ---- */

	let paint = {};

	function readColours() {
		const style = getComputedStyle(home);
		paint = {};
		mixed.clear();
		['own', 'library', 'native', 'plain', 'same', 'grew', 'shrank', 'match'].forEach((name) => {
			const part = style.getPropertyValue('--flame-' + name).trim().split(/\s+/).map(Number);
			paint[name] = part;
		});
		['text', 'edge', 'rest'].forEach((name) => {
			paint[name] = style.getPropertyValue('--flame-' + name).trim();
		});
		paint.font = '12px ' + (style.getPropertyValue('--sans').trim() || 'sans-serif');
		document.querySelectorAll('.flame-key').forEach((k) => {
			k.style.background = colour(k.dataset.colour, 0);
		});
	}

	const mixed = new Map();

	function colour(name, shift) {
		const key = name + shift;
		if (!mixed.has(key)) {
			const c = paint[name];
			mixed.set(key, 'hsl(' + c[0] + ' ' + c[1] + '% ' + (c[2] + shift) + '%)');
		}
		return mixed.get(key);
	}

	const shifts = functions.name.map((name) => {
		let h = 0;
		for (let i = 0; i < name.length; i++) h = (h * 31 + name.charCodeAt(i)) | 0;
		return ((h >>> 3) % 4) * 2.2 - 3.3;
	});

	function familyOf(f) {
		const kind = functions.kind[f];
		if (kind === KIND.native) return 'native';
		if (kind !== KIND.python) return 'plain';
		return functions.library[f] ? 'library' : 'own';
	}

	function sum(node, column) {
		const total = totalOf(column);
		if (!node.weight) return node.raw.reduce((s, r) => s + total[r], 0);
		const self = nodes[column]; /* callers: of the places that were reached through here */
		return node.raw.reduce((s, r) => s + self[r], 0);
	}

	/* Before, after, and how many standard errors lie between. */
	function difference(node) {
		if (!node.change) {
			const before = sum(node, 'before') / 1e9;
			const after = sum(node, 'after') / 1e9;
			const n = nodes.before_samples[0];
			const m = nodes.after_samples[0];
			const share = (before * n + after * m) / (n + m);
			const error = Math.sqrt(share * (1 - share) * (1 / n + 1 / m));
			node.change = { before, after, z: error > 0 ? (after - before) / error : 0 };
		}
		return node.change;
	}

	function fillOf(node) {
		if (matches && matches[node.fn]) return colour('match', shifts[node.fn]);
		if (state.pick !== '' && Number(state.pick) === node.fn) return colour('match', shifts[node.fn]);
		if (!DIFF) return colour(familyOf(node.fn), shifts[node.fn]);
		if (!node.up) return colour('same', 0);
		const d = state.invert !== '' ? { before: 0, after: 0, z: 0 } : difference(node);
		if (Math.abs(d.z) < CLEAR) return colour('same', shifts[node.fn] / 2);
		const strength = Math.min(1, Math.sqrt(Math.abs(d.after - d.before) / 0.2));
		const from = paint.same;
		const to = paint[d.after > d.before ? 'grew' : 'shrank'];
		const part = 0.25 + 0.75 * strength;
		return 'hsl(' + to[0] + ' ' + to[1] * part + '% ' + (from[2] + (to[2] - from[2]) * part) + '%)';
	}

	/* ---- the layout: rows of boxes ---- */

	let root = null;
	let zoomed = null;
	let rows = []; /* of { x, w, node }; node null: boxes too narrow to be drawn alone */
	let width = 0;
	let picked = null; /* the box that the arrows are at */

	function layout() {
		const todo = [];
		rows = [];
		for (let n = zoomed; n; n = n.up) rows[n.depth] = [{ x: 0, w: width, node: n }];
		todo.push(rows[zoomed.depth][0]);
		while (todo.length) {
			const b = todo.pop();
			const scale = b.w / b.node.total;
			const depth = b.node.depth + 1;
			let x = b.x;
			let rest = 0;
			const list = kids(b.node);
			for (let i = 0; i < list.length; i++) {
				const w = list[i].total * scale;
				if (CULL > w) {
					for (; i < list.length; i++) rest += list[i].total * scale;
					break;
				}
				const next = { x, w, node: list[i] };
				(rows[depth] = rows[depth] || []).push(next);
				todo.push(next);
				x += w;
			}
			if (rest >= CULL) (rows[depth] = rows[depth] || []).push({ x, w: rest, node: null });
		}
		rows.forEach((row) => row.sort((a, b) => a.x - b.x));
	}

	/* ---- in time ---- */

	let tracks = null;
	let spanUs = 0;

	function buildTracks() {
		const open = new Map();
		const gap = data.gap_us;
		let now = 0;

		threads.forEach((t) => open.set(t, { thread: t, rows: [], stack: [], starts: [], end: -1 }));
		const close = (track, depth, end) => {
			while (track.stack.length > depth) {
				const k = track.stack.length - 1;
				const row = track.rows[k] = track.rows[k] || { from: [], to: [], raw: [] };
				row.from.push(track.starts.pop());
				row.to.push(end);
				row.raw.push(track.stack.pop());
			}
		};
		for (let m = 0; m < moments.node.length; m++) {
			now += moments.after_us[m];
			const end = now + moments.length_us[m];
			const track = open.get(moments.thread[m]);
			if (!track) continue;
			if (track.end >= 0 && now - track.end > gap) close(track, 0, track.end);
			const path = [];
			for (let i = moments.node[m]; i && i !== track.thread; i = parent[i])
				if (isFrame(kindOf(i))) path.push(i);
			path.reverse();
			let same = 0;
			while (same < path.length && same < track.stack.length
				&& fn[path[same]] === fn[track.stack[same]]) same++;
			close(track, same, Math.max(now, track.end));
			for (let k = same; k < path.length; k++) {
				track.stack.push(path[k]);
				track.starts.push(now);
			}
			track.end = end;
			spanUs = Math.max(spanUs, end);
		}
		tracks = Array.from(open.values());
		tracks.forEach((track) => close(track, 0, track.end));
		tracks = tracks.filter((track) => track.rows.length);
	}

	/* Every row on the screen: the axis, then each thread's name and rows. */
	function timeRows() {
		const list = [{ axis: true }];
		if (!tracks) buildTracks();
		tracks.forEach((track) => {
			list.push({ track });
			track.rows.forEach((row) => list.push({ track, row }));
		});
		return list;
	}

	function timeSpan() {
		const from = state.from === '' ? 0 : Math.max(0, Number(state.from) || 0);
		const to = state.to === '' ? spanUs : Math.min(spanUs, Number(state.to) || spanUs);
		return to > from ? [from, to] : [0, spanUs || 1];
	}

	/* The first box of a row that ends behind `at`. */
	function firstBehind(row, at) {
		let low = 0;
		let high = row.to.length;
		while (high > low) {
			const middle = (low + high) >> 1;
			if (row.to[middle] > at) high = middle;
			else low = middle + 1;
		}
		return low;
	}

	/* ---- drawing ---- */

	let lines = [];

	function drawBox(x, y, w, fill, text, dim) {
		ink.globalAlpha = dim ? 0.45 : 1;
		ink.fillStyle = fill;
		ink.fillRect(x, y, Math.max(w - (w > 3 ? 1 : 0), 0.5), ROW - 1);
		if (w > 28) {
			const room = Math.floor((w - 8) / paint.letter);
			ink.fillStyle = paint.text;
			ink.fillText(text.length > room ? text.slice(0, Math.max(room - 1, 1)) + '\u2026' : text, x + 4, y + 12.5);
		}
		ink.globalAlpha = 1;
	}

	function labelOf(node) {
		if (!node.up) return 'all ' + (DIFF ? 'of ' + state.clock : weigh(node.total, state.clock));
		return functions.name[node.fn] + (node.line ? ':' + node.line : '');
	}

	function drawTree(top, height) {
		const count = rows.length;
		for (let r = 0; r < count; r++) {
			const y = (state.view === 'flame' ? count - 1 - r : r) * ROW - top;
			if (y > height || -ROW > y) continue;
			rows[r].forEach((b) => {
				if (!b.node) {
					ink.fillStyle = paint.rest;
					ink.fillRect(b.x, y, b.w, ROW - 1);
					return;
				}
				const lit = !matches || matches[b.node.fn] || !b.node.up;
				drawBox(b.x, y, b.w, fillOf(b.node), labelOf(b.node), b.node.depth < zoomed.depth || !lit);
				if (picked === b.node) {
					ink.strokeStyle = paint.edge;
					ink.lineWidth = 2;
					ink.strokeRect(b.x + 1, y + 1, Math.max(b.w - 2, 1), ROW - 3);
				}
			});
		}
	}

	function drawAxis(y, from, to) {
		const step = Math.pow(10, Math.floor(Math.log10((to - from) / 4)));
		const factor = [1, 2, 5, 10].find((f) => (to - from) / (f * step) <= Math.max(2, width / 110)) || 10;
		ink.fillStyle = paint.edge;
		for (let t = Math.ceil(from / (step * factor)) * step * factor; t <= to; t += step * factor) {
			const x = (t - from) / (to - from) * width;
			ink.globalAlpha = 0.35;
			ink.fillRect(x, y, 1, ROW);
			ink.globalAlpha = 1;
			ink.fillText(t === 0 ? '0 s' : ns(t * 1e3), x + 4, y + 12.5);
		}
	}

	function drawTime(top, height) {
		const span = timeSpan();
		const scale = width / (span[1] - span[0]);
		lines.forEach((l, r) => {
			const y = r * ROW - top;
			if (y > height || -ROW > y) return;
			if (l.axis) return drawAxis(y, span[0], span[1]);
			if (!l.row) {
				ink.fillStyle = paint.edge;
				ink.fillText(functions.name[fn[l.track.thread]], 2, y + 12.5);
				return;
			}
			let done = -1;
			for (let k = firstBehind(l.row, span[0]); k < l.row.from.length; k++) {
				if (l.row.from[k] > span[1]) break;
				const x = Math.max(0, (l.row.from[k] - span[0]) * scale);
				const end = Math.min(width, (l.row.to[k] - span[0]) * scale);
				if (CULL > end - x && CULL > x - done) continue;
				const f = fn[l.row.raw[k]];
				const lit = !matches || matches[f];
				const is = (matches && matches[f]) || (state.pick !== '' && Number(state.pick) === f);
				drawBox(x, y, Math.max(end - x, CULL), colour(is ? 'match' : familyOf(f), shifts[f]),
					functions.name[f], !lit);
				done = Math.max(end, x + CULL);
			}
		});
	}

	let drawing = 0;

	function draw() {
		if (!drawing) drawing = requestAnimationFrame(drawNow);
	}

	function drawNow() {
		drawing = 0;
		const height = scroll.clientHeight;
		const ratio = window.devicePixelRatio || 1;
		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(height * ratio);
		canvas.style.width = width + 'px';
		canvas.style.height = height + 'px';
		ink.setTransform(ratio, 0, 0, ratio, 0, 0);
		ink.clearRect(0, 0, width, height);
		ink.font = paint.font;
		paint.letter = ink.measureText('abcdefghijklmnopqrstuvwxyz_').width / 27;
		if (state.order === 'time') drawTime(scroll.scrollTop, height);
		else drawTree(scroll.scrollTop, height);
	}

	/* ---- what is under the pointer ---- */

	function rowOf(y) {
		const r = Math.floor((y + scroll.scrollTop) / ROW);
		return state.order !== 'time' && state.view === 'flame' ? rows.length - 1 - r : r;
	}

	function boxAt(x, y) {
		const row = rows[rowOf(y)];
		return row ? row.find((b) => x >= b.x && b.x + b.w > x) || null : null;
	}

	function timeAt(x, y) {
		const l = lines[rowOf(y)];
		const span = timeSpan();
		const at = span[0] + x / width * (span[1] - span[0]);
		if (!l || !l.row) return null;
		const k = firstBehind(l.row, at);
		if (k >= l.row.from.length || l.row.from[k] > at) return null;
		return { raw: l.row.raw[k], from: l.row.from[k], to: l.row.to[k], thread: l.track.thread };
	}

	/* Lines of words about a box, the first its name. */
	function about(node) {
		const all = root.total;
		const words = [node.up ? functions.name[node.fn] : 'all'];
		if (node.up && placeOf(node.fn, node.line)) words.push(placeOf(node.fn, node.line));
		if (DIFF) {
			const d = state.invert !== '' ? null : difference(node);
			if (d) {
				words.push(percent(d.before) + ' before, ' + percent(d.after) + ' after: '
					+ points(d.after - d.before) + ' points' + (Math.abs(d.z) < CLEAR ? ', no more than noise' : ''));
			} else words.push(percent(node.total / all) + ' of ' + state.clock);
			return words;
		}
		kids(node);
		if (state.invert === '')
			words.push('self ' + weigh(node.self, state.clock) + ', ' + percent(node.self / all));
		words.push((state.invert === '' ? 'total ' : 'through here ') + weigh(node.total, state.clock) + ', '
			+ percent(node.total / all) + (zoomed.up ? ' of all, ' + percent(node.total / zoomed.total) + ' of '
				+ functions.name[zoomed.fn] : ''));
		return words;
	}

	function aboutTime(hit) {
		return [functions.name[fn[hit.raw]], placeOf(fn[hit.raw], line[hit.raw]),
			ns((hit.to - hit.from) * 1e3) + ' from ' + ns(hit.from * 1e3) + ' on',
			functions.name[fn[hit.thread]]];
	}

	function showTip(words, x, y) {
		tip.replaceChildren(make('b', '', words[0]), ...words.slice(1).map((w) => make('div', '', w)));
		tip.hidden = false;
		const room = document.documentElement.clientWidth;
		const left = Math.max(8, Math.min(x + 14, room - tip.offsetWidth - 8));
		const over = y + 18 + tip.offsetHeight > window.innerHeight;
		tip.style.left = left + window.scrollX + 'px';
		tip.style.top = (over ? y - tip.offsetHeight - 10 : y + 18) + window.scrollY + 'px';
	}

	function hideTip() {
		tip.hidden = true;
	}

	function say(words) {
		says.replaceChildren(...(words || []).flatMap((w, i) => [i ? ' \u00b7 ' : '', i ? w : make('b', '', w)]));
	}

	/* ---- acting on it ---- */

	let pressed = null; /* where a range of time begins */
	let touched = null;

	function zoomTo(node) {
		picked = node;
		change({ zoom: pathOf(node), pick: node.up ? String(node.fn) : state.pick });
	}

	function listen() {
		canvas.addEventListener('pointermove', (event) => {
			const x = event.offsetX;
			const y = event.offsetY;
			if (state.order === 'time') {
				const hit = timeAt(x, y);
				if (pressed !== null && Math.abs(x - pressed) > 4) {
					drawNow();
					ink.fillStyle = paint.edge;
					ink.globalAlpha = 0.18;
					ink.fillRect(Math.min(x, pressed), 0, Math.abs(x - pressed), scroll.clientHeight);
					ink.globalAlpha = 1;
				}
				if (hit) showTip(aboutTime(hit), event.clientX, event.clientY);
				else hideTip();
				return;
			}
			const b = boxAt(x, y);
			canvas.style.cursor = b && b.node ? 'pointer' : '';
			if (b && b.node) showTip(about(b.node), event.clientX, event.clientY);
			else if (b) showTip(['places too small to draw', percent(b.w / width * zoomed.total / root.total)
				+ ' of all; zoom to see them'], event.clientX, event.clientY);
			else hideTip();
		});
		canvas.addEventListener('pointerleave', hideTip);
		canvas.addEventListener('pointerdown', (event) => {
			pressed = event.offsetX;
		});
		window.addEventListener('pointerup', () => { setTimeout(() => { pressed = null; }); });
		canvas.addEventListener('click', (event) => {
			const from = pressed;
			pressed = null;
			if (state.order === 'time') {
				const span = timeSpan();
				const scale = (span[1] - span[0]) / width;
				const hit = timeAt(event.offsetX, event.offsetY);
				if (from !== null && Math.abs(event.offsetX - from) > 4) {
					const ends = [from, event.offsetX].map((x) => span[0] + x * scale);
					change({ from: String(Math.round(Math.min(...ends))), to: String(Math.round(Math.max(...ends))) });
				} else if (hit) {
					change({ from: String(hit.from), to: String(hit.to), pick: String(fn[hit.raw]) });
				}
				return;
			}
			const b = boxAt(event.offsetX, event.offsetY);
			if (!b || !b.node) return;
			if (event.pointerType === 'touch' && touched !== b.node) {
				/* a finger has no hover: the first touch says what it is, the second zooms */
				touched = picked = b.node;
				change({ pick: b.node.up ? String(b.node.fn) : '' });
				return;
			}
			hideTip();
			zoomTo(b.node);
		});
		scroll.addEventListener('scroll', draw);
		canvas.addEventListener('keydown', move);
		document.addEventListener('keydown', (event) => {
			const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
			if (event.ctrlKey || event.metaKey || event.altKey) return;
			if (event.key === '/' && !typing) {
				event.preventDefault();
				box.focus();
			} else if (event.key === 'Escape') back();
		});
		window.addEventListener('hashchange', () => {
			readState();
			update();
		});
		window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
			readColours();
			draw();
		});
		new ResizeObserver(() => {
			if (scroll.clientWidth !== width) update();
		}).observe(scroll);
	}

	/* Escape: out of the search, then out of the zoom, then of what is picked. */
	function back() {
		hideTip();
		if (state.search !== '') change({ search: '' });
		else if (state.zoom !== '' || state.from !== '' || state.to !== '') change({ zoom: '', from: '', to: '' });
		else {
			picked = null;
			change({ pick: '' });
		}
		if (document.activeElement === box) box.blur();
	}

	function moveTime(event) {
		const span = timeSpan();
		const by = (span[1] - span[0]) / 4;
		const shift = event.key === 'ArrowLeft' ? -Math.min(by, span[0])
			: event.key === 'ArrowRight' ? Math.min(by, spanUs - span[1]) : 0;
		if (!shift && !/^[+-]$/.test(event.key)) return;
		const grow = event.key === '+' ? -by : event.key === '-' ? by : 0;
		event.preventDefault();
		change({
			from: String(Math.round(Math.max(0, span[0] + shift - grow))),
			to: String(Math.round(Math.min(spanUs, span[1] + shift + grow))),
		});
	}

	function move(event) {
		if (state.order === 'time') {
			moveTime(event);
			return;
		}
		const at = picked || zoomed;
		const inner = state.view === 'flame' ? 'ArrowUp' : 'ArrowDown';
		const outer = state.view === 'flame' ? 'ArrowDown' : 'ArrowUp';
		const beside = at.up ? kids(at.up) : [at];
		const k = beside.indexOf(at);
		let next = null;
		if (event.key === inner) next = kids(at)[0];
		else if (event.key === outer) next = at.up;
		else if (event.key === 'ArrowLeft') next = beside[k - 1];
		else if (event.key === 'ArrowRight') next = beside[k + 1];
		else if (event.key === 'Enter') {
			event.preventDefault();
			zoomTo(at);
			return;
		} else return;
		event.preventDefault();
		if (!next) return;
		picked = next;
		if (zoomed.depth > next.depth) zoomTo(next);
		else {
			say(about(next));
			const r = state.view === 'flame' ? rows.length - 1 - next.depth : next.depth;
			if (scroll.scrollTop > r * ROW) scroll.scrollTop = r * ROW;
			if ((r + 1) * ROW > scroll.scrollTop + scroll.clientHeight)
				scroll.scrollTop = (r + 1) * ROW - scroll.clientHeight;
			draw();
		}
	}

	function showCrumbs() {
		const path = [];
		crumbs.replaceChildren();
		if (state.order === 'time') {
			const span = timeSpan();
			crumbs.append(button('all the time', 'back to all of it', () => change({ from: '', to: '' })));
			if (state.from !== '' || state.to !== '')
				crumbs.append(' \u203a ', make('b', '', ns(span[0] * 1e3) + ' to ' + ns(span[1] * 1e3)));
			return;
		}
		for (let n = zoomed; n; n = n.up) path.unshift(n);
		path.forEach((node, i) => {
			const name = node.up ? functions.name[node.fn] : 'all';
			if (i > 1 && path.length - 4 > i) {
				if (i === 2) crumbs.append(' \u203a \u2026');
				return;
			}
			if (i) crumbs.append(' \u203a ');
			crumbs.append(i + 1 === path.length ? make('b', '', name)
				: button(name, 'zoom to ' + name, () => zoomTo(node)));
		});
	}

	/* ---- the tables ---- */

	const ids = frameIds();
	let lineIds = null;
	let lineKeys = [];

	function numberLines() {
		const seen = new Map();
		lineIds = new Int32Array(N).fill(-1);
		for (let i = 1; i < N; i++) {
			if (ids[i] === -1 || !line[i]) continue;
			const key = fn[i] + ':' + line[i];
			if (!seen.has(key)) {
				seen.set(key, lineKeys.length);
				lineKeys.push({ fn: fn[i], line: line[i] });
			}
			lineIds[i] = seen.get(key);
		}
	}

	/* Rows of the table that is chosen: of functions or of lines. */
	function tableRows() {
		if (state.table === 'lines' && !DIFF) {
			if (!lineIds) numberLines();
			const t = tally(lineIds, lineKeys.length, state.clock);
			return lineKeys.map((k, i) => ({ fn: k.fn, line: k.line, self: t.self[i], total: t.total[i] }));
		}
		if (!DIFF) {
			const t = tally(ids, functions.name.length, state.clock);
			return functions.name.map((name, f) => ({ fn: f, line: 0, self: t.self[f], total: t.total[f] }));
		}
		const a = tally(ids, functions.name.length, 'before');
		const b = tally(ids, functions.name.length, 'after');
		return functions.name.map((name, f) => ({
			fn: f, line: 0, before: a.self[f], self: b.self[f], total: b.total[f], change: b.self[f] - a.self[f],
		}));
	}

	const realKeys = new Set((data.real || []).map((r) => r.join('\n')));

	function isReal(f) {
		return realKeys.has([functions.kind[f], functions.name[f], data.files[functions.file[f]]].join('\n'));
	}

	/* Samples behind the shares of this clock: of another clock than wall, those that had any of it. */
	function samplesOf() {
		const all = totalOf('samples')[0];
		const wall = totalOf('wall')[0];
		return state.clock === 'samples' || state.clock === 'wall' || !(wall > 0) ? all
			: all * totalOf(state.clock)[0] / wall;
	}

	function columns() {
		const all = totalOf(state.clock)[0] || 1;
		const n = DIFF ? 0 : samplesOf();
		const range = (r) => {
			const i = interval(r.self / all, n);
			return '[' + [i[0], i[1]].map((s) => (100 * s).toFixed(i[1] < 0.0995 ? 1 : 0)).join(', ') + ']';
		};
		const name = { key: 'name', title: state.table === 'lines' ? 'line' : 'function', text: (r) => functions.name[r.fn],
			sort: (r) => functions.name[r.fn], left: true };
		const where = { key: 'where', title: 'where', text: (r) => placeOf(r.fn, r.line),
			sort: (r) => placeOf(r.fn, 0) + String(r.line).padStart(9, '0'), left: true, soft: true };
		if (DIFF) {
			return [
				{ key: 'before', title: 'before', text: (r) => percent(r.before / 1e9), sort: (r) => r.before },
				{ key: 'after', title: 'after', text: (r) => percent(r.self / 1e9), sort: (r) => r.self },
				{ key: 'self', title: 'change', text: (r) => points(r.change / 1e9) + (isReal(r.fn) ? ' *' : ''),
					sort: (r) => Math.abs(r.change), tint: (r) => (isReal(r.fn) ? (r.change > 0 ? 'grew' : 'shrank') : '') },
				name, where];
		}
		return [
			{ key: 'self', title: 'self', text: (r) => percent(r.self / all), sort: (r) => r.self, bar: (r) => r.self / all },
			{ key: 'range', title: '95 %', text: range, sort: (r) => r.self, soft: true },
			{ key: 'time', title: state.clock === 'samples' ? 'samples' : 'time', text: (r) => weigh(r.self, state.clock),
				sort: (r) => r.self },
			{ key: 'total', title: 'total', text: (r) => percent(r.total / all), sort: (r) => r.total },
			name, where];
	}

	function showTable() {
		const list = columns();
		const by = list.find((c) => c.key === state.sort) || list[DIFF ? 2 : 0];
		const turn = state.up !== '' ? -1 : 1;
		let table = tableRows().filter((r) => r.self > 0 || r.total > 0 || r.before > 0);
		if (matches) table = table.filter((r) => matches[r.fn]);
		const keys = new Map(table.map((r) => [r, by.sort(r)]));
		table.sort((a, b) => {
			const x = keys.get(a);
			const y = keys.get(b);
			const order = typeof x === 'string' ? (x > y ? 1 : y > x ? -1 : 0) : y - x;
			return turn * order || b.total - a.total;
		});
		tableBox.replaceChildren(tableHead(), tableOf(list, by, table.slice(0, TABLE_ROWS)));
		if (table.length > TABLE_ROWS)
			tableBox.append(make('p', 'sub', 'The first ' + count(TABLE_ROWS) + ' of ' + count(table.length)
				+ '; the search narrows them.'));
	}

	function tableHead() {
		const head = make('h3', '', DIFF ? 'Functions, by their own share' : '');
		if (DIFF) return head;
		[['functions', 'Functions'], ['lines', 'Lines']].forEach((t) => {
			const b = button(t[1], 'a row for each of the ' + t[0], () => change({ table: t[0] }));
			b.setAttribute('aria-pressed', String(state.table === t[0]));
			head.append(b, ' ');
		});
		return head;
	}

	function tableOf(list, by, table) {
		const head = make('tr');
		const body = make('tbody');
		list.forEach((c) => {
			const th = make('th', c.left ? '' : 'num', button(c.title, 'sort by it', () => change({
				sort: c.key, up: state.sort === c.key && state.up === '' ? '1' : '',
			})));
			th.scope = 'col';
			if (c === by) {
				const falls = typeof (table.length ? c.sort(table[0]) : 0) !== 'string';
				th.setAttribute('aria-sort', falls === (state.up === '') ? 'descending' : 'ascending');
			}
			head.append(th);
		});
		table.forEach((r) => {
			const row = make('tr', Number(state.pick) === r.fn && state.pick !== '' ? 'picked' : '');
			list.forEach((c) => {
				const cell = make('td', (c.left ? 'left ' : 'num ') + (c.soft ? 'sub ' : '') + (c.tint ? c.tint(r) : ''));
				if (c.key === 'name') {
					const b = button('', 'show it in the graph, and its source', () => pickRow(r));
					b.append(...breakable(c.text(r)));
					cell.append(b);
				} else cell.append(...(c.left ? breakable(c.text(r)) : [c.text(r)]));
				if (c.bar) cell.style.setProperty('--part', 100 * c.bar(r) + '%');
				if (c.bar) cell.classList.add('barred');
				row.append(cell);
			});
			body.append(row);
		});
		const table_ = make('table', '', make('thead', '', head), body);
		const wide = make('div', 'wide', table_);
		wide.tabIndex = 0;
		wide.setAttribute('role', 'region');
		wide.setAttribute('aria-label', 'table');
		return wide;
	}

	let wanted = 0; /* the line of source to be brought into sight */

	function pickRow(r) {
		wanted = r.line;
		change({ pick: state.pick === String(r.fn) && !r.line ? '' : String(r.fn) });
	}

	/* ---- the source ---- */

	/* Self and total of each line of a file. */
	function lineWeights(file) {
		const at = new Map();
		const own = new Int32Array(N).fill(-1);
		for (let i = 1; i < N; i++) {
			if (ids[i] === -1 || functions.file[fn[i]] !== file || !line[i]) continue;
			if (!at.has(line[i])) at.set(line[i], at.size);
			own[i] = at.get(line[i]);
		}
		const t = tallyNow(own, at.size, state.clock);
		return (number) => {
			const k = at.get(number);
			return k === undefined ? { self: 0, total: 0 } : { self: t.self[k], total: t.total[k] };
		};
	}

	function defaultPick() {
		const t = tally(ids, functions.name.length, state.clock);
		const hasText = new Set((data.sources || []).map((s) => s.file));
		let best = -1;
		let most = 0;
		for (let f = 0; f < functions.name.length; f++) {
			const own = hasText.has(data.files[functions.file[f]]) && !functions.library[f] ? t.self[f] + 1e-3 * t.total[f] : 0;
			if (own > most) {
				most = own;
				best = f;
			}
		}
		return best;
	}

	function showSource() {
		if (DIFF) {
			sourceBox.hidden = true;
			below.classList.add('alone');
			return;
		}
		const f = state.pick === '' ? defaultPick() : Number(state.pick);
		sourceBox.replaceChildren();
		if (!(f >= 0 && functions.name.length > f) || functions.kind[f] !== KIND.python) {
			sourceBox.append(make('p', 'sub', f >= 0 && functions.name.length > f
				? functions.name[f] + ' has no lines of Python.'
				: 'Choose a function of the graph or the table to see its source.'));
			return;
		}
		const file = functions.file[f];
		const source = (data.sources || []).find((s) => s.file === data.files[file]);
		sourceBox.append(make('h3', '', data.briefs[file]));
		sourceBox.title = data.files[file];
		if (!source) {
			sourceBox.append(make('p', 'sub', 'The text of ' + data.files[file]
				+ ' is not in this report: it could not be read where the report was made, or was hardly seen.'));
			return;
		}
		drawSource(source, file, f);
	}

	function drawSource(source, file, f) {
		const all = totalOf(state.clock)[0] || 1;
		const weights = lineWeights(file);
		const text = source.text.split('\n');
		const body = make('tbody');
		let hottest = wanted;
		let most = 0;
		if (text.length && text[text.length - 1] === '') text.pop();
		text.forEach((t, k) => {
			const number = source.first + k;
			const w = weights(number);
			const cell = (value, name) => {
				const td = make('td', 'num ' + name, value > 0 ? percent(value / all) : '');
				if (value > 0) {
					td.classList.add('barred');
					td.style.setProperty('--part', 100 * value / all + '%');
				}
				return td;
			};
			const tr = make('tr', number === wanted ? 'picked' : '', cell(w.self, 'self'), cell(w.total, 'total'),
				make('td', 'num sub', String(number)), make('td', 'code', t === '' ? ' ' : t));
			tr.dataset.line = number;
			body.append(tr);
			if (!wanted && w.self > most && number >= functions.line[f]) {
				most = w.self;
				hottest = number;
			}
		});
		const head = make('tr', '', ...['self', 'total', '', ''].map((t) => make('th', 'num', t)));
		const wide = make('div', 'flame-text', make('table', '', make('thead', '', head), body));
		wide.tabIndex = 0;
		sourceBox.append(wide);
		const row = body.querySelector('[data-line="' + (hottest || functions.line[f]) + '"]');
		if (row) wide.scrollTop = Math.max(0, row.offsetTop - wide.clientHeight / 3);
	}

	/* ---- all of it ---- */

	let made = '';

	function update() {
		const tree = [state.clock, state.group, state.invert, state.lines, state.own].join();
		width = scroll.clientWidth;
		if (tree !== made || !root) {
			root = makeRoot();
			made = tree;
			picked = null;
		}
		zoomed = findZoom(root);
		search();
		if (state.order === 'time') lines = timeRows();
		else if (root.total > 0) layout();
		const tall = (state.order === 'time' ? lines.length : rows.length) * ROW;
		const most = Math.max(220, Math.round(window.innerHeight * 0.62));
		const low = state.view === 'flame' && scroll.scrollTop + scroll.clientHeight >= space.offsetHeight - ROW;
		scroll.style.height = Math.min(tall, most) + 'px';
		space.style.height = tall + 'px';
		if (low) scroll.scrollTop = tall;
		if (document.activeElement !== box) box.value = state.search;
		found.textContent = matchWords;
		selects.forEach((s) => s());
		pressers.forEach((p) => p());
		showCrumbs();
		say(state.order === 'time' ? null : about(picked || zoomed));
		showTable();
		showSource();
		wanted = 0;
		draw();
	}

	readState();
	build();
	readColours();
	if (totalOf(data.clock)[0] > 0 || data.clocks.some((c) => totalOf(c)[0] > 0)) {
		if (!(totalOf(state.clock)[0] > 0)) state.clock = data.clocks.find((c) => totalOf(c)[0] > 0);
		listen();
		update();
	} else {
		home.replaceChildren(make('h2', '', 'Nothing was seen'),
			make('p', 'sub', 'The profile holds no stack, so there is nothing to draw.'));
	}
})();
